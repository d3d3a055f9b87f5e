package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func view(change func(*View)) View {
	v := View{
		Config: Config{Node: "events-1", Members: []Member{
			{Name: "events-1", ID: 1, Broker: true, Controller: true},
			{Name: "events-2", ID: 2, Broker: true, Controller: true},
			{Name: "events-3", ID: 3, Broker: true, Controller: true},
		}},
		Quorum: Quorum{Leader: 1, Voters: []Voter{{1, "a", true}, {2, "b", true}, {3, "c", true}}},
		Alive:  []int32{1, 2, 3},
		Partitions: []Partition{
			{Topic: "orders", Replicas: []int32{1, 2, 3}, InSync: []int32{1, 2, 3}, Leader: 1, MinInSync: 2},
			{Topic: "alone", Replicas: []int32{2}, InSync: []int32{2}, Leader: 2, MinInSync: 1},
		},
	}
	if change != nil {
		change(&v)
	}
	return v
}

var all = parseMade("events-1:running events-2:running events-3:running")

func expect(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("refused: %v", err)
	case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
		t.Errorf("said %v, not %q", err, words)
	}
}

func TestWhole(t *testing.T) {
	expect(t, view(nil).whole(all), "")
	expect(t, view(func(v *View) { v.Alive = []int32{1, 2} }).whole(all), "events-3 is not in the cluster")
	expect(t, view(func(v *View) { v.Alive = []int32{1, 2}; v.Quorum.Voters[2].Current = false }).whole(parseMade("events-1:running events-2:running events-3:exited")),
		"the controller events-3 is behind or away")
	expect(t, view(func(v *View) { v.Partitions[0].InSync = []int32{1, 2} }).whole(all), "1 partitions lack a replica that is in sync: orders-0")
	expect(t, view(func(v *View) { v.Partitions[1].Leader = -1 }).whole(all), "alone-0")
	expect(t, view(func(v *View) { v.Quorum.Voters = v.Quorum.Voters[1:] }).whole(all), "events-1 is no voter that is current yet")
	expect(t, view(func(v *View) { v.Quorum.Voters = v.Quorum.Voters[:2] }).whole(all), "events-3 is no voter that is current yet")
	expect(t, view(func(v *View) {
		v.Config.Node = "events-4"
		v.Config.Members = append(v.Config.Members, Member{Name: "events-4", ID: 4, Broker: true})
	}).whole(all), "")
}

// A look waits for what comes by itself, and not for a vote that somebody has to give.
func TestWholeWaits(t *testing.T) {
	noVote := view(func(v *View) { v.Quorum.Voters = v.Quorum.Voters[:2] }).whole(all)
	behind := view(func(v *View) { v.Quorum.Voters[2].Current = false }).whole(all)
	copying := view(func(v *View) { v.Partitions[0].InSync = []int32{1, 2} }).whole(all)
	if !errors.Is(noVote, errVote) || !errors.Is(behind, errVote) || errors.Is(copying, errVote) {
		t.Errorf("waits for a vote, or not for a copy: %v, %v, %v", noVote, behind, copying)
	}
}

// What ends with the gate's patience tells the reason that it knew.
func TestAReasonIsToldInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*lookAgain)
	defer cancel()
	looks := 0
	err := patiently(ctx, time.Hour, func() error {
		if looks++; looks == 1 {
			return errors.New("orders-0 lacks a replica")
		}
		<-ctx.Done()
		return ctx.Err()
	})
	expect(t, err, "orders-0 lacks a replica")
	if looks != 2 {
		t.Errorf("%d looks", looks)
	}
	expect(t, patiently(ctx, time.Hour, func() error { return ctx.Err() }), "deadline exceeded")
}

func TestSpare(t *testing.T) {
	own := Member{Name: "events-1", ID: 1}
	expect(t, view(nil).spare(own, all), "")
	expect(t, view(nil).spare(own, parseMade("events-1:running")), "")
	expect(t, view(func(v *View) { v.Alive = []int32{1, 2} }).spare(own, all), "events-3 is not in the cluster; bring it back first")
	expect(t, view(func(v *View) { v.Alive = []int32{1, 2} }).spare(Member{Name: "events-3", ID: 3}, all), "")
	expect(t, view(func(v *View) { v.Partitions[0].InSync = []int32{1, 2} }).spare(own, all), "without events-1 these partitions take no writes: orders-0")
	expect(t, view(func(v *View) { v.Partitions[0].InSync = []int32{1, 2} }).spare(Member{Name: "events-3", ID: 3}, all), "")
	expect(t, view(func(v *View) { v.Quorum.Voters[1].Current = false }).spare(own, all), "1 of the other controllers are current, and 2 are needed")
	expect(t, view(func(v *View) {
		v.Quorum.Voters = v.Quorum.Voters[:2]
		v.Alive = []int32{1, 2}
		v.Config.Members = v.Config.Members[:2]
		v.Partitions = nil
	}).
		spare(own, parseMade("events-1:running events-2:running")), "")
	// One replica is what was asked for, and is away with its broker.
	expect(t, view(nil).spare(Member{Name: "events-2", ID: 2}, all), "")
	expect(t, view(func(v *View) {
		v.Partitions = []Partition{{Topic: "both", Replicas: []int32{1, 2}, InSync: []int32{1, 2}, MinInSync: 2}}
	}).spare(own, all), "both-0; they need more replicas")
}

func TestQuorumOf(t *testing.T) {
	voter := func(id int32, fetched, caughtUp int64) kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
		return kmsg.DescribeQuorumResponseTopicPartitionReplicaState{ReplicaID: id, LastFetchTimestamp: fetched, LastCaughtUpTimestamp: caughtUp}
	}
	quorum := quorumOf(kmsg.DescribeQuorumResponseTopicPartition{
		LeaderID: 2,
		CurrentVoters: []kmsg.DescribeQuorumResponseTopicPartitionReplicaState{
			voter(3, 9_000, 2_000), voter(2, 10_000, 10_000), voter(1, 9_900, 9_500),
		},
	})
	var current []bool
	for _, each := range quorum.Voters {
		current = append(current, each.Current)
	}
	if quorum.Leader != 2 || !slices.Equal(current, []bool{true, true, false}) {
		t.Errorf("leader %d, current %v", quorum.Leader, current)
	}
}
