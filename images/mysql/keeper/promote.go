package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// lease is how long a source keeps still for another to be promoted, before it goes on by itself.
	lease = 20 * time.Second
	// margin is what of the lease has to be left when another is promoted: both clocks run alike, but their looks do not.
	margin = 5 * time.Second
	// stillWithin is how long the source's last commits may take.
	stillWithin = 800 * time.Millisecond
	// longTransaction is how old a transaction may be that a planned promotion waits for; clients send an older one again.
	longTransaction = time.Second
	// appliedWithin is how long the one to be promoted may take to execute what it has received.
	appliedWithin = 5 * time.Second
)

// handOver asks the source to keep still, and answers what it has executed by then.
type handOver struct {
	Epoch int    `json:"epoch"`
	To    string `json:"to"`
}

type handedOver struct {
	Executed string `json:"executed"`
}

// keepStill is the source's part of a planned promotion: it takes no more writes, and tells what it has executed.
func (k *Keeper) keepStill(ctx context.Context, asked handOver) (handedOver, error) {
	k.acting.Lock()
	defer k.acting.Unlock()
	state := k.account()
	if !k.isOpen() || asked.Epoch != state.Epoch {
		return handedOver{}, fmt.Errorf("%s does not lead in epoch %d", k.configuration().Node, asked.Epoch)
	}
	if time.Now().Before(k.handing) {
		return handedOver{}, errors.New("another promotion is under way")
	}
	old := fmt.Sprintf(`SELECT trx_mysql_thread_id FROM information_schema.innodb_trx WHERE trx_started < NOW() - INTERVAL %d SECOND AND trx_mysql_thread_id IN (%s)`,
		int(longTransaction.Seconds()), clients)
	if err := k.db.kill(ctx, old); err != nil {
		return handedOver{}, err
	}
	still, cancel := context.WithTimeout(ctx, stillWithin)
	defer cancel()
	if err := k.db.exec(still, "SET GLOBAL super_read_only = ON"); err != nil {
		return handedOver{}, errors.Join(fmt.Errorf("the last commits do not end within %s", stillWithin), k.goOn(ctx))
	}
	executed, err := k.db.text(ctx, "SELECT @@global.gtid_executed")
	if err != nil {
		return handedOver{}, errors.Join(err, k.goOn(ctx))
	}
	k.handing = time.Now().Add(lease)
	k.setRole(roleWaiting, "another node is being promoted")
	return handedOver{plainSet(executed)}, nil
}

// resume has a source that kept still go on: nobody was promoted.
func (k *Keeper) resume(ctx context.Context, asked handOver) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	if asked.Epoch != k.account().Epoch || !time.Now().Before(k.handing) {
		return nil
	}
	return k.goOn(ctx)
}

func (k *Keeper) goOn(ctx context.Context) error {
	k.handing = time.Time{}
	if err := k.db.exec(context.WithoutCancel(ctx), "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF"); err != nil {
		return err
	}
	k.setRole(roleSource, "")
	return nil
}

// hear takes over an account that another node tells.
func (k *Keeper) hear(ctx context.Context, state State) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	if state.Epoch < k.account().Epoch || (state.Epoch == k.account().Epoch && state != k.account()) {
		return fmt.Errorf("%s knows of epoch %d", k.configuration().Node, k.account().Epoch)
	}
	if err := k.adopt(ctx, state); err != nil {
		return err
	}
	if state.Source == k.configuration().Node || k.lacksData() {
		return nil
	}
	if err := k.ensureServer(ctx); err != nil {
		return err
	}
	if err := k.follow(ctx); err != nil {
		return err
	}
	// Those who are still connected from before look for the source anew.
	return k.db.kill(ctx, clients)
}

// promote makes this node the source while the present one is there: nothing is lost, and writes pause for a moment.
func (k *Keeper) promote(ctx context.Context) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	config, state := k.configuration(), k.account()
	if state.Source == config.Node {
		return fmt.Errorf("%s is the source already", config.Node)
	}
	own := k.status(ctx)
	if !own.serves(config.LagSeconds) {
		return fmt.Errorf("%s cannot be promoted: it is %s; %s", config.Node, own.Role, orElse(own.Error, "it does not replicate, or is far behind"))
	}
	token, err := config.secret("keeper-token")
	if err != nil {
		return err
	}
	began := time.Now()
	asked := handOver{Epoch: state.Epoch, To: config.Node}
	var source handedOver
	address := config.address(state.Source)
	call, cancel := context.WithTimeout(ctx, patience)
	err = k.peers.call(call, http.MethodPost, address, "/hand-over", token, asked, &source)
	cancel()
	if err != nil {
		return fmt.Errorf("the source %s does not hand over: %w", state.Source, err)
	}
	back := func(err error) error {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return errors.Join(err, k.peers.call(call, http.MethodPost, address, "/resume", token, asked, nil))
	}
	if err := k.applied(ctx, source.Executed, appliedWithin); err != nil {
		return back(err)
	}
	if time.Since(began) > lease-margin {
		return back(errors.New("it has taken too long"))
	}
	return k.lead(ctx, State{Epoch: state.Epoch + 1, Source: config.Node, Formed: state.Formed}, token)
}

// applied waits until the server has executed a set of transactions.
func (k *Keeper) applied(ctx context.Context, set string, within time.Duration) error {
	late, err := k.db.text(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)", set, within.Seconds())
	if err != nil {
		return err
	}
	if late != "0" {
		return fmt.Errorf("what it has received is not executed within %s", within)
	}
	return nil
}

// lead opens this node as the source of a new epoch, and tells the others, whose acknowledgements its commits wait for.
func (k *Keeper) lead(ctx context.Context, state State, token string) error {
	if err := k.db.exec(ctx, "STOP REPLICA"); err != nil {
		return err
	}
	if err := k.adopt(ctx, state); err != nil {
		return err
	}
	if err := k.open(ctx); err != nil {
		return err
	}
	config := k.configuration()
	others := config.others()
	faults := make(chan error, len(others))
	for _, member := range others {
		go func() {
			call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err := k.peers.call(call, http.MethodPost, member.Address, "/follow", token, state, nil)
			if err != nil {
				err = fmt.Errorf("%s has not been told, and will ask: %w", member.Name, err)
			}
			faults <- err
		}()
	}
	// Commits are acknowledged when so many follow; one that is dead, as the source before may be, is not waited for.
	for following := 0; following < config.Acks && len(others) > 0; others = others[1:] {
		if err := <-faults; err != nil {
			log.Print(err)
		} else {
			following++
		}
	}
	return nil
}

// force makes this node the source where there is none that takes writes. Every transaction that a client was told to be done is on as many
// replicas as have to acknowledge it, so all but that many less one have to be asked, and the one that has most leads.
func (k *Keeper) force(ctx context.Context, acceptLoss bool) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	config, state := k.configuration(), k.account()
	peers := k.peers.ask(ctx, config.others())
	own := k.status(ctx)
	if own.Executed == "" || k.lacksData() {
		return fmt.Errorf("%s cannot be promoted: it is %s, without data of its own. %s", config.Node, own.Role, own.Error)
	}
	if err := mayForce(config, state, own, peers, acceptLoss); err != nil {
		return err
	}
	for _, peer := range peers {
		if peer.Node == state.Source || peer.Received == "" {
			continue
		}
		ahead, err := k.db.without(ctx, peer.Received, own.Received)
		if err != nil {
			return err
		}
		if ahead != "" && !acceptLoss {
			return fmt.Errorf("%s has transactions that %s lacks (%s); promote %s instead", peer.Node, config.Node, ahead, peer.Node)
		}
	}
	if err := k.db.exec(ctx, "STOP REPLICA IO_THREAD"); err != nil {
		return err
	}
	if state.Source != config.Node {
		if err := k.executeReceived(ctx, own); err != nil && !acceptLoss {
			return err
		}
	}
	token, err := config.secret("keeper-token")
	if err != nil {
		return err
	}
	highest := state.Epoch
	for _, peer := range peers {
		highest = max(highest, peer.Epoch)
	}
	return k.lead(ctx, State{Epoch: highest + 1, Source: config.Node, Formed: state.Formed}, token)
}

// executeReceived has what was received executed, also where the thread that does it was stopped.
func (k *Keeper) executeReceived(ctx context.Context, own Status) error {
	rest, err := k.db.without(ctx, own.Received, own.Executed)
	if err != nil || rest == "" {
		return err
	}
	if !own.SQL {
		if err := k.db.exec(ctx, "START REPLICA SQL_THREAD"); err != nil {
			return err
		}
	}
	return k.applied(ctx, own.Received, 30*time.Second)
}

// mayForce tells why a forced promotion would not be safe.
func mayForce(config Config, state State, own Status, peers []Status, acceptLoss bool) error {
	if own.Writable {
		return fmt.Errorf("%s takes writes already", config.Node)
	}
	silent := []string{}
	for _, member := range config.others() {
		index := slices.IndexFunc(peers, func(peer Status) bool { return peer.Node == member.Name })
		switch {
		case index >= 0 && peers[index].Writable:
			return fmt.Errorf("%s is there and takes writes: promote without --force, which loses nothing", member.Name)
		case member.Name == state.Source:
		case index < 0:
			silent = append(silent, member.Name)
		}
	}
	if most := max(config.Acks, 1) - 1; len(silent) > most && !acceptLoss {
		return fmt.Errorf("%s does not answer, and may be the only one to have what was acknowledged; bring it back, or promote with --accept-loss", strings.Join(silent, ", "))
	}
	return nil
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
