package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

// retry is the time between two tries to have a thread of replication run again.
const retry = 2 * time.Second

// follow has the server replicate from the source. One that has transactions which its source lacks does not: they would be lost, or clash,
// and only somebody who has seen them can say what becomes of them.
func (k *Keeper) follow(ctx context.Context) error {
	state := k.account()
	k.mutex.Lock()
	extra, followed, tried, fenced := k.extra, k.followed, k.tried, k.fenced
	k.mutex.Unlock()
	if extra != "" || time.Now().Before(fenced) {
		return nil
	}
	same := followed.Epoch == state.Epoch && followed.Source == state.Source
	if same {
		var status Status
		look, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.observe(look, &status); err != nil {
			return err
		}
		if status.IO && status.SQL {
			k.setRole(roleReplica, "")
			return nil
		}
		if !k.answered(state.Source) {
			k.setRole(roleReplica, fmt.Sprintf("its source %s does not answer", state.Source))
			if !status.IO {
				k.stopReceiving()
			}
			return nil
		}
		k.setRole(roleReplica, status.Error)
		if time.Since(tried) < retry {
			return nil
		}
	}
	k.mutex.Lock()
	k.tried = time.Now()
	k.mutex.Unlock()
	return k.followAnew(ctx, state, same)
}

// stopReceiving ends the thread that tries to reach a source which is gone. A stop waits for the try to end, which takes seconds where nothing
// answers at an address: so it is over when another node is promoted, and is no part of a turn.
func (k *Keeper) stopReceiving() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.stopping {
		return
	}
	k.stopping = true
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := k.db.exec(ctx, "STOP REPLICA IO_THREAD"); err != nil {
			log.Print(err)
		}
		k.mutex.Lock()
		defer k.mutex.Unlock()
		k.stopping = false
	}()
}

// followAnew has both threads run. From the same source as before it goes on with what was received and is not executed yet; from another one it
// begins behind what is executed.
func (k *Keeper) followAnew(ctx context.Context, state State, same bool) error {
	config := k.configuration()
	step, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// While nobody answers nothing is gained by a stop: the thread that executes goes on.
	if _, err := k.peers.status(step, config.address(state.Source)); err != nil {
		k.setRole(roleReplica, fmt.Sprintf("its source %s does not answer: %v", state.Source, err))
		return nil
	}
	if err := k.db.exec(step, "SET GLOBAL super_read_only = ON", "SET GLOBAL rpl_semi_sync_source_enabled = OFF", "STOP REPLICA"); err != nil {
		return err
	}
	executed, err := k.db.text(step, "SELECT @@global.gtid_executed")
	if err != nil {
		return err
	}
	// After its own: what the source executes meanwhile is no reason to differ.
	source, err := k.peers.status(step, config.address(state.Source))
	if err != nil {
		k.setRole(roleReplica, fmt.Sprintf("its source %s does not answer: %v", state.Source, err))
		return nil
	}
	if source.Executed == "" {
		k.setRole(roleReplica, fmt.Sprintf("its source %s is %s", state.Source, source.Role))
		return nil
	}
	extra, err := k.db.without(step, executed, source.Executed)
	if err != nil {
		return err
	}
	if extra != "" {
		k.mutex.Lock()
		k.extra = extra
		k.mutex.Unlock()
		k.setRole(roleDiverged, fmt.Sprintf("it has transactions that its source %s lacks: %s", state.Source, extra))
		log.Printf("diverged from %s by %s", state.Source, extra)
		return nil
	}
	if err := k.executeRest(step, source.Executed); err != nil {
		return err
	}
	password, err := config.secret("replication-password")
	if err != nil {
		return err
	}
	change := fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_PORT = %d, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400, SOURCE_HEARTBEAT_PERIOD = 1",
		config.address(state.Source), mysqlPort)
	// The password is said at the start: so the server keeps it in memory alone.
	start := fmt.Sprintf("START REPLICA USER = %s PASSWORD = %s", quoted(replicationUser), quoted(password))
	statements := []string{change, start}
	if same {
		statements = []string{start}
	}
	if err := k.db.exec(step, statements...); err != nil {
		return err
	}
	k.mutex.Lock()
	k.followed = state
	k.mutex.Unlock()
	k.setRole(roleReplica, "")
	return nil
}

// executeRest executes what was received before the server was started, and which the source lacks: a change of source throws away what was not
// executed. What the source has comes again.
func (k *Keeper) executeRest(ctx context.Context, source string) error {
	var own Status
	if err := k.db.observe(ctx, &own); err != nil {
		return err
	}
	rest, err := k.db.without(ctx, own.Received, joinSets(own.Executed, source))
	if err != nil || rest == "" {
		return err
	}
	log.Printf("executes what it has received before it follows: %s", rest)
	if err := k.db.exec(ctx, "START REPLICA SQL_THREAD"); err != nil {
		return err
	}
	if err := k.applied(ctx, own.Received, patience); err != nil {
		return err
	}
	return k.db.exec(ctx, "STOP REPLICA")
}

// clone copies the data of another node: a replica where one is whole, so that the source is not slowed down.
func (k *Keeper) clone(ctx context.Context) error {
	config, state := k.configuration(), k.account()
	var donor Member
	for _, member := range config.others() {
		status, err := k.peers.status(ctx, member.Address)
		if err != nil || status.Epoch != state.Epoch {
			continue
		}
		if status.serves(config.LagSeconds) || (status.Role == roleSource && donor.Name == "") {
			donor = member
		}
	}
	if donor.Name == "" {
		k.setRole(roleWaiting, "it has no data, and no other node is whole to give it some")
		return nil
	}
	if err := k.cloneFrom(ctx, donor); err != nil {
		return fmt.Errorf("the data of %s cannot be copied: %w", donor.Name, err)
	}
	return nil
}

func (k *Keeper) cloneFrom(ctx context.Context, donor Member) error {
	config := k.configuration()
	password, err := config.secret("replication-password")
	if err != nil {
		return err
	}
	log.Printf("copying the data of %s", donor.Name)
	k.setRole(roleCloning, "")
	k.server.stop(10 * time.Second)
	if err := os.WriteFile(cloning, nil, 0o600); err != nil {
		return err
	}
	if err := os.RemoveAll(datadir); err != nil {
		return err
	}
	if err := k.initialize(); err != nil {
		return err
	}
	k.setRole(roleStarting, "")
	if err := k.ensureServer(ctx); err != nil {
		return err
	}
	k.setRole(roleCloning, "")
	err = k.db.exec(ctx, "SET GLOBAL super_read_only = OFF",
		fmt.Sprintf("SET GLOBAL clone_valid_donor_list = '%s:%d'", donor.Address, mysqlPort),
		fmt.Sprintf("CLONE INSTANCE FROM '%s'@'%s':%d IDENTIFIED BY '%s' REQUIRE SSL", replicationUser, donor.Address, mysqlPort, password))
	// A server that is done ends, to be started with what it has got: the connection may be cut before the answer.
	if err != nil && !strings.Contains(err.Error(), "3707") && !strings.Contains(err.Error(), "invalid connection") && !strings.Contains(err.Error(), "EOF") {
		return err
	}
	deadline := time.Now().Add(30 * time.Second)
	for k.server.running() && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	k.server.stop(0)
	k.setRole(roleStarting, "")
	if err := k.ensureServer(ctx); err != nil {
		return err
	}
	outcome, err := k.db.row(ctx, "SELECT STATE AS state, ERROR_MESSAGE AS error FROM performance_schema.clone_status")
	if err != nil {
		return err
	}
	if outcome["state"] != "Completed" {
		return fmt.Errorf("the copy ended as %q: %s", outcome["state"], outcome["error"])
	}
	if err := os.Remove(cloning); err != nil {
		return err
	}
	log.Printf("has the data of %s", donor.Name)
	return nil
}
