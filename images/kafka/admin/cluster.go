package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// answerLimit is how long one question may take: a gate asks again, and a node that stands still must not hold it up.
const answerLimit = 4 * time.Second

// Cluster asks the brokers and the controllers.
type Cluster struct {
	config      Config
	brokers     *kgo.Client
	controllers *kgo.Client
	admin       *kadm.Client
}

func connect(config Config) (*Cluster, error) {
	password, err := config.password()
	if err != nil {
		return nil, err
	}
	client := func(seeds []string) (*kgo.Client, error) {
		return kgo.NewClient(
			kgo.SeedBrokers(seeds...),
			kgo.SASL(plain.Auth{User: ownUser, Pass: password}.AsMechanism()),
			kgo.ClientID("kafka-admin"),
			// A node that is away answers nothing at all; there are others.
			kgo.DialTimeout(700*time.Millisecond),
			kgo.RetryTimeout(2*answerLimit),
			kgo.RequestRetries(len(seeds)+3),
			kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		)
	}
	controllers, err := client(config.controllers())
	if err != nil {
		return nil, err
	}
	brokers, err := client(config.brokers())
	if err != nil {
		return nil, err
	}
	return &Cluster{config: config, brokers: brokers, controllers: controllers, admin: kadm.NewClient(brokers)}, nil
}

func (c *Cluster) close() {
	c.brokers.Close()
	c.controllers.Close()
}

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

// Partition is one of a topic.
type Partition struct {
	Topic    string
	Number   int32
	Leader   int32
	Replicas []int32
	InSync   []int32
	// MinInSync is how many have to be in sync for a write that asks all.
	MinInSync int
}

// View is the cluster at one moment.
type View struct {
	Config     Config
	Quorum     Quorum
	Alive      []int32
	Partitions []Partition
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

// look asks for everything that a gate decides by.
func (c *Cluster) look(ctx context.Context) (View, error) {
	view := View{Config: c.config}
	var err error
	if view.Quorum, err = c.quorum(ctx); err != nil {
		return view, fmt.Errorf("%w: the controllers have no leader, or do not answer: %v", errNobody, err)
	}
	limited, cancel := context.WithTimeout(ctx, 2*answerLimit)
	defer cancel()
	metadata, err := c.admin.Metadata(limited)
	if err != nil {
		// Controllers come before the first broker.
		if len(view.Config.brokers()) > 0 && !c.config.own().Broker {
			return view, nil
		}
		return view, fmt.Errorf("%w: %v", errNobody, err)
	}
	view.Alive = metadata.Brokers.NodeIDs()
	names := metadata.Topics.Names()
	minimum, err := c.minInSync(limited, names)
	if err != nil {
		return view, err
	}
	for _, topic := range metadata.Topics.Sorted() {
		for _, partition := range topic.Partitions.Sorted() {
			view.Partitions = append(view.Partitions, Partition{
				Topic: topic.Topic, Number: partition.Partition, Leader: partition.Leader,
				Replicas: partition.Replicas, InSync: partition.ISR, MinInSync: minimum[topic.Topic],
			})
		}
	}
	return view, nil
}

func (c *Cluster) minInSync(ctx context.Context, topics []string) (map[string]int, error) {
	found := map[string]int{}
	if len(topics) == 0 {
		return found, nil
	}
	described, err := c.admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, err
	}
	for _, topic := range described {
		if topic.Err != nil {
			// Deleted meanwhile.
			if errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
				continue
			}
			return nil, fmt.Errorf("%s: %w", topic.Name, topic.Err)
		}
		for _, setting := range topic.Configs {
			if setting.Key == "min.insync.replicas" {
				var value int
				if _, err := fmt.Sscan(setting.MaybeValue(), &value); err != nil {
					return nil, fmt.Errorf("%s: min.insync.replicas is %q", topic.Name, setting.MaybeValue())
				}
				found[topic.Name] = value
			}
		}
	}
	return found, nil
}

// alive is asked for the container's health: the node itself answers, and a broker among the others counts as one.
func (c *Cluster) alive(ctx context.Context) error {
	own := c.config.own()
	client, port := c.controllers, controllerPort
	if own.Broker {
		client, port = c.brokers, brokerPort
	}
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for index, address := range c.config.addresses(port, func(m Member) bool { return (m.Broker && own.Broker) || (m.Controller && !own.Broker) }) {
		if address != own.Address+":"+port {
			continue
		}
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "kafka-admin", "1"
		answer, err := request.RequestWith(limited, client.SeedBrokers()[index])
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(answer.ErrorCode)
	}
	return fmt.Errorf("%s has no place in its own configuration", own.Name)
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

// forget takes a broker that is gone off the list of those that may come back.
func (c *Cluster) forget(ctx context.Context, node Member) error {
	request := kmsg.NewPtrUnregisterBrokerRequest()
	request.BrokerID = node.ID
	answer, err := request.RequestWith(ctx, c.brokers)
	if err != nil {
		return err
	}
	if err := refusal(answer.ErrorCode, answer.ErrorMessage); err != nil && !errors.Is(err, kerr.BrokerIDNotRegistered) {
		return err
	}
	return nil
}

func refusal(code int16, message *string) error {
	err := kerr.ErrorForCode(code)
	if err == nil || message == nil || *message == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, *message)
}
