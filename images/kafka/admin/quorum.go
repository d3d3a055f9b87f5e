package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Voter is a member of the quorum: a node, and the storage that it was counted with.
type Voter struct {
	ID        int32
	Directory string
	// Current says that it has fetched what the leader has, a moment ago.
	Current bool
}

// Quorum is what the active controller says of the controllers.
type Quorum struct {
	Leader int32
	Voters []Voter
}

// staleAfter is when a voter that has not fetched counts as gone: the leader itself drops one after two seconds without a fetch.
const staleAfter = 4 * time.Second

const metadataTopic = "__cluster_metadata"

// onQuorum asks the controllers in turn until the active one answers; it alone knows the others.
func (c *Cluster) onQuorum(ctx context.Context, ask func(context.Context, *kgo.Broker) error) error {
	var last error
	for _, controller := range c.controllers.SeedBrokers() {
		limited, cancel := context.WithTimeout(ctx, answerLimit)
		err := ask(limited, controller)
		cancel()
		if err == nil {
			return nil
		}
		// What another controller says about not leading is no reason.
		if last == nil || !errors.Is(err, kerr.NotLeaderForPartition) {
			last = err
		}
	}
	return last
}

func (c *Cluster) quorum(ctx context.Context) (Quorum, error) {
	var quorum Quorum
	err := c.onQuorum(ctx, func(ctx context.Context, controller *kgo.Broker) error {
		request := kmsg.NewPtrDescribeQuorumRequest()
		topic := kmsg.NewDescribeQuorumRequestTopic()
		topic.Topic = metadataTopic
		topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
		request.Topics = append(request.Topics, topic)
		answer, err := request.RequestWith(ctx, controller)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return err
		}
		if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
			return errors.New("the controller told nothing of its quorum")
		}
		partition := answer.Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
			return err
		}
		quorum = quorumOf(partition)
		return nil
	})
	return quorum, err
}

func quorumOf(partition kmsg.DescribeQuorumResponseTopicPartition) Quorum {
	// By the leader's clock, in which all of it is told.
	var now int64
	for _, voter := range partition.CurrentVoters {
		now = max(now, voter.LastFetchTimestamp)
	}
	quorum := Quorum{Leader: partition.LeaderID}
	for _, voter := range partition.CurrentVoters {
		fresh := time.Duration(now-voter.LastCaughtUpTimestamp)*time.Millisecond <= staleAfter
		quorum.Voters = append(quorum.Voters, Voter{
			ID:        voter.ReplicaID,
			Directory: base64.RawURLEncoding.EncodeToString(voter.ReplicaDirectoryID[:]),
			Current:   voter.ReplicaID == partition.LeaderID || fresh,
		})
	}
	sort.Slice(quorum.Voters, func(i, j int) bool { return quorum.Voters[i].ID < quorum.Voters[j].ID })
	return quorum
}

// join has a controller that is none of the voters become one. Storage that was lost takes its vote along, so the old one goes first.
func (c *Cluster) join(ctx context.Context, quorum Quorum) error {
	own := c.config.own()
	directory, err := directoryID()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(quorum.Voters, func(v Voter) bool { return v.ID == own.ID })
	switch {
	case at >= 0 && own.Controller && quorum.Voters[at].Directory == directory:
		return nil
	case at >= 0:
		if err := c.removeVoter(ctx, quorum.Voters[at]); err != nil {
			return fmt.Errorf("its former vote cannot be removed: %w", err)
		}
	}
	if !own.Controller {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(directory)
	if err != nil || len(raw) != 16 {
		return fmt.Errorf("%s has no directory.id of 16 bytes: %q", metaFile, directory)
	}
	err = c.onQuorum(ctx, func(ctx context.Context, controller *kgo.Broker) error {
		request := kmsg.NewPtrAddRaftVoterRequest()
		request.ClusterID = &c.config.Cluster
		request.TimeoutMillis = int32(answerLimit.Milliseconds())
		request.VoterID = own.ID
		copy(request.VoterDirectoryID[:], raw)
		listener := kmsg.NewAddRaftVoterRequestListener()
		listener.Name, listener.Host, listener.Port = "CONTROLLER", own.Address, 9093
		request.Listeners = append(request.Listeners, listener)
		answer, err := request.RequestWith(ctx, controller)
		if err != nil {
			return err
		}
		return refusal(answer.ErrorCode, answer.ErrorMessage)
	})
	if err != nil && !errors.Is(err, kerr.DuplicateVoter) {
		return fmt.Errorf("it is no voter yet: %w", err)
	}
	return nil
}

func (c *Cluster) removeVoter(ctx context.Context, voter Voter) error {
	raw, err := base64.RawURLEncoding.DecodeString(voter.Directory)
	if err != nil {
		return err
	}
	return c.onQuorum(ctx, func(ctx context.Context, controller *kgo.Broker) error {
		request := kmsg.NewPtrRemoveRaftVoterRequest()
		request.ClusterID = &c.config.Cluster
		request.VoterID = voter.ID
		copy(request.VoterDirectoryID[:], raw)
		answer, err := request.RequestWith(ctx, controller)
		if err != nil {
			return err
		}
		return refusal(answer.ErrorCode, answer.ErrorMessage)
	})
}
