package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
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
	if err := ctx.Err(); err != nil {
		// Who asked has given up meanwhile.
		return handedOver{}, err
	}
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
	if err := k.db.within(ctx, stillWithin, "SET GLOBAL super_read_only = ON"); err != nil {
		return handedOver{}, errors.Join(fmt.Errorf("the last commits do not end within %s", stillWithin), k.goOn(ctx))
	}
	executed, err := k.db.text(ctx, "SELECT @@global.gtid_executed")
	if err != nil {
		return handedOver{}, errors.Join(err, k.goOn(ctx))
	}
	k.handing, k.handingTo = time.Now().Add(lease), asked.To
	k.setRole(roleWaiting, "another node is being promoted")
	return handedOver{plainSet(executed)}, nil
}

// resume has a source that kept still go on: nobody was promoted.
func (k *Keeper) resume(ctx context.Context, asked handOver) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	// One that comes late, for a promotion before, does not open the source in the middle of another.
	if asked.Epoch != k.account().Epoch || asked.To != k.handingTo || !time.Now().Before(k.handing) {
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

// yield notes an account that another node is about to lead by; who took writes until now takes none from here on.
func (k *Keeper) yield(ctx context.Context, state State) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	return k.takeOver(ctx, state)
}

func (k *Keeper) takeOver(ctx context.Context, state State) error {
	if state.Epoch < k.account().Epoch || (state.Epoch == k.account().Epoch && state != k.account()) {
		return fmt.Errorf("%s knows of epoch %d", k.configuration().Node, k.account().Epoch)
	}
	led := k.account().Source == k.configuration().Node
	if err := k.adopt(ctx, state); err != nil || !led || state.Source == k.configuration().Node || !k.isStarted() {
		return err
	}
	// Who wrote here looks for the source anew; those who read from a replica read on.
	return k.db.kill(ctx, clients)
}

// hear takes over an account that another node tells, and follows it.
func (k *Keeper) hear(ctx context.Context, state State) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	if err := k.takeOver(ctx, state); err != nil {
		return err
	}
	if state.Source == k.configuration().Node || k.lacksData() {
		return nil
	}
	if err := k.ensureServer(ctx); err != nil {
		return err
	}
	return k.follow(ctx)
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
	back := func(err error) error {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return errors.Join(err, k.peers.call(call, http.MethodPost, address, "/resume", token, asked, nil))
	}
	call, cancel := context.WithTimeout(ctx, patience)
	err = k.peers.call(call, http.MethodPost, address, "/hand-over", token, asked, &source)
	cancel()
	if err != nil {
		// It may keep still all the same: only its answer may be lost.
		return back(fmt.Errorf("the source %s does not hand over: %w", state.Source, err))
	}
	if err := k.applied(ctx, source.Executed, appliedWithin); err != nil {
		return back(err)
	}
	if time.Since(began) > lease-margin {
		return back(errors.New("it has taken too long"))
	}
	return k.lead(ctx, State{Epoch: state.Epoch + 1, Source: config.Node, Formed: state.Formed}, token, false)
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

// lead opens this node as the source of a new epoch. The others note that before, so that nobody else can be opened by an earlier account should
// this node be gone a moment later; then they follow it, since its commits wait for their acknowledgements.
//
// Where the source before is dead, which may be half of the nodes, it is opened also when most have not noted it.
func (k *Keeper) lead(ctx context.Context, state State, token string, forced bool) error {
	if err := k.db.exec(ctx, "STOP REPLICA"); err != nil {
		return err
	}
	if err := k.adopt(ctx, state); err != nil {
		return err
	}
	config := k.configuration()
	noted := 1 + k.tell(ctx, "/yield", state, token, len(config.Members)/2, yieldWithin)
	if 2*noted <= len(config.Members) && !forced {
		return errors.New("most of the nodes have not noted it yet; it leads as soon as they have")
	}
	if err := k.open(ctx); err != nil {
		return err
	}
	// Commits are acknowledged when so many follow; one that is dead, as the source before may be, is not waited for.
	k.tell(ctx, "/follow", state, token, config.Acks, followWithin)
	return nil
}

const (
	// yieldWithin is how long a node may take to note who leads; the source before ends its server within it.
	yieldWithin = time.Second
	// followWithin is how long a node may take to replicate from another source.
	followWithin = 5 * time.Second
)

// tell has the others do something, and returns how many have when enough of them have, or all have answered.
func (k *Keeper) tell(ctx context.Context, path string, state State, token string, enough int, within time.Duration) int {
	others := k.configuration().others()
	faults := make(chan error, len(others))
	for _, member := range others {
		go func() {
			call, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
			defer cancel()
			err := k.peers.call(call, http.MethodPost, member.Address, path, token, state, nil)
			if err != nil {
				err = fmt.Errorf("%s has not been told, and will ask: %w", member.Name, err)
			}
			faults <- err
		}()
	}
	done := 0
	for range others {
		if done >= enough {
			break
		}
		if err := <-faults; err != nil {
			log.Print(err)
		} else {
			done++
		}
	}
	return done
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
