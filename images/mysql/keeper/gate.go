package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Set is what the command line sees of the whole set, from inside of one node.
type Set struct {
	Config Config
	Own    Status
	Peers  []Status
	// Made are the nodes that have a container; others are yet to come.
	Made []string
}

func (s Set) peer(name string) (Status, bool) {
	index := slices.IndexFunc(s.Peers, func(peer Status) bool { return peer.Node == name })
	if index < 0 {
		return Status{}, false
	}
	return s.Peers[index], true
}

// complete tells whether every member has a container.
func (s Set) complete() bool {
	return !slices.ContainsFunc(s.Config.Members, func(member Member) bool { return !slices.Contains(s.Made, member.Name) })
}

// errHopeless says that somebody has to do something first.
var errHopeless = errors.New("somebody has to look at it")

// whole is why the node is not whole, or nil. While members have no container yet it waits for none of them, so that they are made.
func (s Set) whole() error {
	own := s.Own
	fault := func(what string) error {
		return fmt.Errorf("%s is %s: %s", own.Node, own.Role, orElse(own.Error, what))
	}
	if own.FreeMiB < leastFreeMiB || own.Role == roleDiverged || own.Role == roleConflict {
		return fmt.Errorf("%w %w", fault("it cannot go on by itself;"), errHopeless)
	}
	switch own.Role {
	case roleSource:
		if own.Error != "" || !own.Writable {
			return fault("it takes no writes")
		}
		if s.complete() && s.Config.SemiSync && (!own.Formed || own.Acking < s.Config.Acks) {
			return fault(fmt.Sprintf("%d replicas acknowledge its commits, and %d are needed", own.Acking, s.Config.Acks))
		}
		return nil
	case roleReplica:
		if own.serves(s.Config.LagSeconds) {
			return s.acknowledged()
		}
		if !slices.Contains(s.Made, own.Source) {
			return nil
		}
		if source, there := s.peer(own.Source); there && source.Role == roleWaiting && !s.complete() {
			return nil
		}
		return fault(fmt.Sprintf("receiving: %t, executing: %t, %d s behind", own.IO, own.SQL, own.LagSeconds))
	case roleWaiting:
		if !s.complete() {
			return nil
		}
	}
	return fault("it knows no source yet")
}

// acknowledged is why the source's commits would wait, seen from a replica.
func (s Set) acknowledged() error {
	source, there := s.peer(s.Own.Source)
	switch {
	case !s.complete() || !s.Config.SemiSync:
		return nil
	case !there:
		return fmt.Errorf("the source %s does not answer", s.Own.Source)
	case !source.Formed || source.Acking < s.Config.Acks:
		return fmt.Errorf("%d replicas acknowledge the commits of %s, and %d are needed", source.Acking, source.Node, s.Config.Acks)
	default:
		return nil
	}
}

// haveReceived waits a moment for a replica to have all that its source had before it was asked, and says what it lacks. A server's seconds behind
// tell nothing of what it was never sent, and once the next node stops, commits wait for this one to have it.
func haveReceived(ctx context.Context, set Set, peers *Peers) error {
	source, there := set.peer(set.Own.Source)
	if !there || set.Own.Role != roleReplica {
		return nil
	}
	token, err := set.Config.secret("keeper-token")
	if err != nil {
		return err
	}
	return peers.call(ctx, http.MethodPost, set.Config.address(set.Own.Node), "/received", token, receiving{Executed: source.Executed}, nil)
}

// receiving asks for what a source has executed.
type receiving struct {
	Executed string `json:"executed"`
}

func (k *Keeper) received(ctx context.Context, asked receiving) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var own Status
		if err := k.db.observe(ctx, &own); err != nil {
			return err
		}
		rest, err := k.db.without(ctx, asked.Executed, own.Received)
		if err != nil || rest == "" {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s has not received yet what its source has: %s", k.configuration().Node, rest)
		}
	}
}

// spare is why the set cannot do without the node, or the node that has to lead before it goes; both empty where it can.
func (s Set) spare() (string, error) {
	others := s.Config.others()
	if len(others) == 0 || !slices.ContainsFunc(s.Made, func(name string) bool { return name != s.Own.Node }) {
		return "", nil
	}
	var silent, serving []string
	best := Status{}
	for _, member := range others {
		peer, there := s.peer(member.Name)
		switch {
		case !there:
			silent = append(silent, member.Name)
		case peer.serves(s.Config.LagSeconds):
			serving = append(serving, member.Name)
			if best.Node == "" || peer.LagSeconds < best.LagSeconds {
				best = peer
			}
		}
	}
	if len(silent) > 0 {
		return "", fmt.Errorf("%s does not answer; bring it back first", strings.Join(silent, ", "))
	}
	for _, each := range append([]Status{s.Own}, s.Peers...) {
		// A server that starts without room may not come back, and one that has to lead would stop at a write.
		if each.FreeMiB < leastFreeMiB {
			return "", fmt.Errorf("%s: %s; make room first", each.Node, diskFull(each.FreeMiB))
		}
	}
	if s.Own.Source == s.Own.Node {
		// One leads then, and the others acknowledge; of two nodes the other one is alone meanwhile, and its writes wait.
		if need := min(s.Config.Acks+1, len(others)); len(serving) < need {
			return "", fmt.Errorf("it is the source, and %d of the others replicate where %d are needed; bring them back first", len(serving), need)
		}
		return best.Node, nil
	}
	source, there := s.peer(s.Own.Source)
	if !there || !source.Writable {
		return "", fmt.Errorf("the source %s takes no writes; it has to first", s.Own.Source)
	}
	if need := min(s.Config.Acks, len(others)-1); len(serving) < need {
		return "", fmt.Errorf("%d of the other replicas replicate, and %d are needed; bring them back first", len(serving), need)
	}
	return "", nil
}

// handOverTo has another node lead.
func handOverTo(ctx context.Context, config Config, peers *Peers, node string) error {
	token, err := config.secret("keeper-token")
	if err != nil {
		return err
	}
	return peers.call(ctx, http.MethodPost, config.address(node), "/promote", token, promotion{}, nil)
}
