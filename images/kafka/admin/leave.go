package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// leave has a node give up what it has in the cluster, before it stops: its replicas, where that is asked for, and its vote.
func leave(ctx context.Context, c *Cluster, node Member, move bool) error {
	view, err := c.unmoving(ctx)
	if err != nil {
		return err
	}
	if err := c.emptied(ctx, view, node, move); err != nil {
		return err
	}
	return c.withoutVote(ctx, node)
}

func (c *Cluster) emptied(ctx context.Context, view View, node Member, move bool) error {
	held := view.lacking(func(p Partition) bool { return slices.Contains(p.Replicas, node.ID) })
	if len(held) == 0 {
		return nil
	}
	if !move {
		return fmt.Errorf(`it holds %d partitions: %s; keep it, set onLeave to "move" and run up, and take it out then`, len(held), strings.Join(some(held), ", "))
	}
	var staying []int32
	for _, m := range view.Config.Members {
		if m.ID != node.ID && m.Broker && slices.Contains(view.Alive, m.ID) {
			staying = append(staying, m.ID)
		}
	}
	plan, err := planLeave(node.ID, view.Partitions, staying)
	if err != nil {
		return err
	}
	return c.assign(ctx, plan)
}

func (c *Cluster) withoutVote(ctx context.Context, node Member) error {
	quorum, err := c.quorum(ctx)
	if err != nil {
		return err
	}
	for _, voter := range quorum.Voters {
		if voter.ID != node.ID {
			continue
		}
		if err := c.removeVoter(ctx, voter); err != nil {
			return fmt.Errorf("its vote cannot be removed: %w", err)
		}
	}
	return nil
}
