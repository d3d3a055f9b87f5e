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

// fence has a replica receive nothing more for a while, so that what it has can be compared, and tells what that is; for nobody, it receives again.
func (k *Keeper) fence(ctx context.Context, asked handOver) (Status, error) {
	k.acting.Lock()
	defer k.acting.Unlock()
	if asked.Epoch != k.account().Epoch {
		return Status{}, fmt.Errorf("%s knows of epoch %d", k.configuration().Node, k.account().Epoch)
	}
	if asked.To == "" {
		k.fenceUntil(time.Time{})
		return Status{}, nil
	}
	if k.isStarted() && !k.isOpen() {
		k.fenceUntil(time.Now().Add(lease))
		if err := k.db.exec(ctx, "STOP REPLICA IO_THREAD"); err != nil {
			return Status{}, err
		}
	}
	return k.status(ctx), nil
}

func (k *Keeper) fenceUntil(moment time.Time) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.fenced = moment
}

// force makes this node the source where there is none that takes writes. Every transaction that a client was told to be done is on as many
// replicas as have to acknowledge it, so all but that many less one have to be asked, and the one that has most leads.
func (k *Keeper) force(ctx context.Context, acceptLoss bool) error {
	k.acting.Lock()
	defer k.acting.Unlock()
	config, state := k.configuration(), k.account()
	token, err := config.secret("keeper-token")
	if err != nil {
		return err
	}
	if own := k.status(ctx); own.Executed == "" || own.Empty {
		return fmt.Errorf("%s cannot be promoted: it is %s, without data of its own. %s", config.Node, own.Role, own.Error)
	}
	// Who can be asked is known before anybody is made to receive nothing.
	peers := k.peers.ask(ctx, config.others(), statusPath)
	if err := mayForce(config, state, k.status(ctx), peers, acceptLoss); err != nil {
		return err
	}
	began := time.Now()
	standing := k.fenceAll(ctx, state, peers, token)
	if err := k.compareAll(ctx, state, standing, acceptLoss); err != nil {
		k.release(ctx, state, standing, token)
		return err
	}
	if time.Since(began) > lease-margin {
		k.release(ctx, state, standing, token)
		return errors.New("it has taken too long")
	}
	highest := state.Epoch
	for _, peer := range peers {
		highest = max(highest, peer.Epoch)
	}
	return k.lead(ctx, State{Epoch: highest + 1, Source: config.Node, Formed: state.Formed}, token, true)
}

// compareAll has this node execute all that it has received, where no other one has more.
func (k *Keeper) compareAll(ctx context.Context, state State, peers []Status, acceptLoss bool) error {
	config, own := k.configuration(), k.status(ctx)
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
	if state.Source == config.Node {
		return nil
	}
	if err := k.executeReceived(ctx, own); err != nil && !acceptLoss {
		return err
	}
	return nil
}

// release has replicas receive again from the source that they have: nobody was promoted.
func (k *Keeper) release(ctx context.Context, state State, peers []Status, token string) {
	for _, peer := range peers {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := k.peers.call(call, http.MethodPost, k.configuration().address(peer.Node), "/fence", token, handOver{Epoch: state.Epoch}, nil)
		cancel()
		if err != nil {
			log.Print(err)
		}
	}
}

// fenceAll has this node and the other replicas receive nothing more, and returns what the others have then: one that is not compared in that
// state might acknowledge a commit of the source meanwhile. Who cannot be fenced counts as silent, and so does a server that has just started.
func (k *Keeper) fenceAll(ctx context.Context, state State, peers []Status, token string) []Status {
	config := k.configuration()
	answers := make(chan *Status, len(peers))
	for _, peer := range peers {
		if peer.Node == state.Source {
			answers <- &peer
			continue
		}
		go func() {
			call, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			var status Status
			if err := k.peers.call(call, http.MethodPost, config.address(peer.Node), "/fence", token, handOver{Epoch: state.Epoch, To: config.Node}, &status); err != nil {
				log.Printf("%s does not stand still: %v", peer.Node, err)
				answers <- nil
				return
			}
			answers <- &status
		}()
	}
	if err := k.db.exec(ctx, "STOP REPLICA IO_THREAD"); err != nil {
		log.Print(err)
	}
	var fenced []Status
	for range peers {
		if status := <-answers; status != nil {
			fenced = append(fenced, *status)
		}
	}
	return fenced
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
	return k.applied(ctx, own.Received, lease-2*margin)
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
		// A server that does not answer its keeper yet may have what was acknowledged; one without data has not.
		case index < 0, peers[index].Received == "" && !peers[index].Empty:
			silent = append(silent, member.Name)
		}
	}
	if most := max(config.Acks, 1) - 1; len(silent) > most && !acceptLoss {
		return fmt.Errorf("%s does not answer, and may be the only one to have what was acknowledged; bring it back, or promote with --accept-loss", strings.Join(silent, ", "))
	}
	return nil
}
