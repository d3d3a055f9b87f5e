package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Made is the state of each container that there is, by its node's name.
type Made map[string]string

func parseMade(text string) Made {
	made := Made{}
	for _, each := range strings.Fields(text) {
		name, state, _ := strings.Cut(each, ":")
		made[name] = state
	}
	return made
}

const (
	// patience is for how long a look waits by itself: each look of a gate starts processes, and would take the CPU which the node needs to start.
	patience = 8 * time.Second
	// cutOff ends a look that was begun in time: the gate ends what takes twenty seconds, and would hear no reason.
	cutOff = 15 * time.Second
	// lookAgain is often: asking costs little in here.
	lookAgain = 200 * time.Millisecond
)

// errVote marks what does not change by waiting here: somebody has to be given a vote first.
var errVote = errors.New("")

// whole passes where the own node is in a whole cluster. One that comes back to others which have no container yet waits for none of them: it
// passes, so that they are made; the last one, behind which every container is there, waits for all.
func whole(ctx context.Context, cluster *Cluster, made Made) error {
	limited, cancel := context.WithTimeout(ctx, cutOff)
	defer cancel()
	return patiently(limited, patience, func() error {
		err := inCluster(limited, cluster, made)
		if err == nil {
			return nil
		}
		for _, name := range expected(cluster.config, readRecord(), err) {
			if _, there := made[name]; !there {
				return nil
			}
		}
		return err
	})
}

// patiently looks again for as long as a reason may go by itself, and returns the last one that a look had time to find.
func patiently(ctx context.Context, limit time.Duration, look func() error) error {
	deadline := time.Now().Add(limit)
	var reason error
	for {
		err := look()
		if err == nil {
			return nil
		}
		if reason == nil || ctx.Err() == nil {
			reason = err
		}
		if errors.Is(err, errVote) || time.Now().After(deadline) {
			return reason
		}
		select {
		case <-ctx.Done():
			return reason
		case <-time.After(lookAgain):
		}
	}
}

// expected are the nodes that a cluster consists of which cannot be asked: those on record; or all, where the record went with its volume and the
// node joins a cluster that there is.
func expected(config Config, record []string, err error) []string {
	if len(record) > 0 || !errors.Is(err, errNobody) || config.mayFound() {
		return record
	}
	var names []string
	for _, m := range config.Members {
		names = append(names, m.Name)
	}
	return names
}

func inCluster(ctx context.Context, cluster *Cluster, made Made) error {
	// What the others remember of it may be of the process that was there before. A broker answers nobody while it knows no controller.
	if err := cluster.alive(ctx); err != nil {
		return fmt.Errorf("%w: nor does it itself yet: %v", errNobody, err)
	}
	view, err := cluster.look(ctx)
	if err != nil {
		return err
	}
	if err := view.whole(made); err != nil {
		return err
	}
	return remember(view.members())
}

// joined has the own node become the voter that it is to be.
func joined(ctx context.Context, cluster *Cluster) error {
	quorum, err := cluster.quorum(ctx)
	if err != nil {
		return err
	}
	return cluster.join(ctx, quorum)
}

// members are the names of all that are in the cluster now.
func (v View) members() []string {
	var names []string
	for _, m := range v.Config.Members {
		voter := slices.ContainsFunc(v.Quorum.Voters, func(each Voter) bool { return each.ID == m.ID })
		if voter || slices.Contains(v.Alive, m.ID) {
			names = append(names, m.Name)
		}
	}
	return names
}

// whole tells what is missing: a node that runs and is not in the cluster, a voter that is behind, a partition that lacks a replica.
func (v View) whole(made Made) error {
	for _, m := range v.Config.Members {
		voter := slices.ContainsFunc(v.Quorum.Voters, func(each Voter) bool { return each.ID == m.ID && each.Current })
		if made[m.Name] == "running" && m.Controller && !voter {
			return fmt.Errorf("%w%s is no voter that is current yet: %s", errVote, m.Name, v.voters())
		}
		if made[m.Name] == "running" && m.Broker && !slices.Contains(v.Alive, m.ID) {
			return fmt.Errorf("%s is not in the cluster; there are %s", m.Name, v.names(v.Alive))
		}
	}
	for _, voter := range v.Quorum.Voters {
		if !voter.Current {
			return fmt.Errorf("%wthe controller %s is behind or away: %s", errVote, v.Config.byID(voter.ID), v.voters())
		}
	}
	if lacking := v.lacking(func(p Partition) bool { return len(p.InSync) < len(p.Replicas) || p.Leader < 0 }); len(lacking) > 0 {
		return fmt.Errorf("%d partitions lack a replica that is in sync: %s", len(lacking), strings.Join(some(lacking), ", "))
	}
	return nil
}

// spare tells why the cluster cannot do without a node for a while.
func (v View) spare(node Member, made Made) error {
	others := 0
	for _, m := range v.Config.Members {
		if _, there := made[m.Name]; m.Name == node.Name || !there {
			continue
		}
		others++
		if m.Broker && !slices.Contains(v.Alive, m.ID) {
			return fmt.Errorf("%s is not in the cluster; bring it back first", m.Name)
		}
	}
	if others == 0 {
		return nil
	}
	if err := v.spareVoter(node); err != nil {
		return err
	}
	if !slices.Contains(v.Alive, node.ID) {
		return nil
	}
	lacking := v.lacking(func(p Partition) bool {
		without := slices.DeleteFunc(slices.Clone(p.InSync), func(id int32) bool { return id == node.ID })
		if !slices.Contains(p.Replicas, node.ID) || len(p.Replicas) == 1 {
			// Whoever asks for one replica is without it while its broker is replaced.
			return false
		}
		return len(without) < max(p.MinInSync, 1)
	})
	if len(lacking) > 0 {
		return fmt.Errorf("without %s these partitions take no writes: %s; they need more replicas that are in sync, or a lower min.insync.replicas",
			node.Name, strings.Join(some(lacking), ", "))
	}
	return nil
}

func (v View) spareVoter(node Member) error {
	voters, current := len(v.Quorum.Voters), 0
	counted := false
	for _, voter := range v.Quorum.Voters {
		if voter.ID == node.ID {
			counted = true
		} else if voter.Current {
			current++
		}
	}
	// Two are on the way to one or to three: the other one has to be there.
	if need := min(voters/2+1, voters-1); counted && current < need {
		return fmt.Errorf("%d of the other controllers are current, and %d are needed: %s", current, need, v.voters())
	}
	return nil
}

// lacking names the partitions of which something holds, as topic-number.
func (v View) lacking(holds func(Partition) bool) []string {
	var names []string
	for _, p := range v.Partitions {
		if holds(p) {
			names = append(names, fmt.Sprintf("%s-%d", p.Topic, p.Number))
		}
	}
	return names
}

// some are enough for whoever reads it.
func some(names []string) []string {
	const enough = 8
	if len(names) <= enough {
		return names
	}
	return append(slices.Clone(names[:enough]), "…")
}

func (v View) voters() string {
	var told []string
	for _, voter := range v.Quorum.Voters {
		state := "behind"
		if voter.Current {
			state = "current"
		}
		told = append(told, v.Config.byID(voter.ID)+" "+state)
	}
	return strings.Join(told, ", ")
}

func (v View) names(ids []int32) string {
	var told []string
	for _, id := range ids {
		told = append(told, v.Config.byID(id))
	}
	return strings.Join(told, ", ")
}
