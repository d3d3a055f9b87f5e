package main

import (
	"context"
	"fmt"
	"time"
)

// Roles of a node, as it tells them.
const (
	roleStarting = "starting"
	roleWaiting  = "waiting"
	roleSource   = "source"
	roleReplica  = "replica"
	roleCloning  = "cloning"
	roleDiverged = "diverged"
	roleConflict = "conflict"
)

// Status is what a node tells of itself.
type Status struct {
	Node   string `json:"node"`
	Epoch  int    `json:"epoch"`
	Source string `json:"source"`
	Formed bool   `json:"formed"`
	Role   string `json:"role"`
	// Empty says that it has no data, so that nothing can be on it alone.
	Empty bool `json:"empty"`
	// Writable says that the server takes writes.
	Writable bool `json:"writable"`
	// Executed are the transactions that it has executed, Received those too that it has got but not executed yet.
	Executed string `json:"executed"`
	Received string `json:"received"`
	// IO and SQL say whether the threads that receive and that execute run.
	IO  bool `json:"io"`
	SQL bool `json:"sql"`
	// LagSeconds is how far it is behind the source; negative where that is not known.
	LagSeconds int `json:"lagSeconds"`
	// Acking is how many replicas acknowledge what this source commits.
	Acking int `json:"acking"`
	// Extra are transactions that it has and its source has not.
	Extra string `json:"extra,omitempty"`
	Error string `json:"error,omitempty"`
	// FreeMiB is the space that is left beside its data.
	FreeMiB int `json:"freeMiB"`
}

// leastFreeMiB is what a server needs to go on: below it, it stops at the next write and waits for room.
const leastFreeMiB = 64

// observe looks at the server, and notes until when it is no further behind its source than reads allow, also where it receives nothing more.
func (k *Keeper) observe(ctx context.Context, status *Status) error {
	if err := k.db.observe(ctx, status); err != nil {
		return err
	}
	if !status.IO || !status.SQL || status.LagSeconds < 0 {
		return nil
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.currentUntil = time.Now().Add(time.Duration(k.config.LagSeconds-status.LagSeconds) * time.Second)
	return nil
}

func (k *Keeper) isCurrent() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return time.Now().Before(k.currentUntil)
}

// serves tells whether the node may be read from as a replica.
func (s Status) serves(lagSeconds int) bool {
	return s.Role == roleReplica && s.IO && s.SQL && s.LagSeconds >= 0 && s.LagSeconds <= lagSeconds
}

func diskFull(freeMiB int) string {
	return fmt.Sprintf("its disk is full: %d MiB are left, and %d is the least", freeMiB, leastFreeMiB)
}

// brief is what the others look for several times a second: who the node is, and who leads as far as it knows.
func (k *Keeper) brief() Status {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return Status{
		Node:       k.config.Node,
		Epoch:      k.state.Epoch,
		Source:     k.state.Source,
		Formed:     k.state.Formed,
		Role:       k.role,
		Extra:      k.extra,
		LagSeconds: -1,
	}
}

// status is what the node tells of itself now.
func (k *Keeper) status(ctx context.Context) Status {
	status := k.brief()
	status.Empty, status.FreeMiB = k.lacksData(), freeMiB(dataPath)
	k.mutex.Lock()
	said := k.said
	k.mutex.Unlock()
	if k.isStarted() {
		look, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := k.observe(look, &status); err != nil {
			status.Error = "the server does not answer: " + err.Error()
		}
	}
	if said != "" {
		status.Error = said
	}
	if status.FreeMiB < leastFreeMiB {
		status.Error = diskFull(status.FreeMiB)
	}
	return status
}
