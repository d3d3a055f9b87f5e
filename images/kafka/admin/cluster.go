package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Blind says that no broker answered, as before the first one is there: nothing is known of the partitions then.
	Blind bool
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
	// Asked anew each time: the client would answer from memory for some seconds.
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(limited, c.brokers)
	if err != nil {
		// Controllers come before the first broker.
		if !c.config.own().Broker {
			view.Blind = true
			return view, nil
		}
		return view, fmt.Errorf("%w: %v", errNobody, err)
	}
	for _, broker := range metadata.Brokers {
		view.Alive = append(view.Alive, broker.NodeID)
	}
	slices.Sort(view.Alive)
	var names []string
	for _, topic := range metadata.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil || topic.Topic == nil {
			return view, fmt.Errorf("%w: the topics cannot be listed: %v", errNobody, err)
		}
		names = append(names, *topic.Topic)
	}
	minimum, err := c.minInSync(limited, names)
	if err != nil {
		return view, err
	}
	for _, topic := range metadata.Topics {
		for _, partition := range topic.Partitions {
			view.Partitions = append(view.Partitions, Partition{
				Topic: *topic.Topic, Number: partition.Partition, Leader: partition.Leader,
				Replicas: partition.Replicas, InSync: partition.ISR, MinInSync: minimum[*topic.Topic],
			})
		}
	}
	slices.SortFunc(view.Partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
	})
	return view, nil
}

// seen is a look at which the brokers answered.
func (c *Cluster) seen(ctx context.Context) (View, error) {
	view, err := c.look(ctx)
	if err == nil && view.Blind {
		return view, fmt.Errorf("%w: the controllers do, and no broker", errNobody)
	}
	return view, err
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
			if setting.Key == minInSync {
				var value int
				if _, err := fmt.Sscan(setting.MaybeValue(), &value); err != nil {
					return nil, fmt.Errorf("%s: "+minInSync+" is %q", topic.Name, setting.MaybeValue())
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
