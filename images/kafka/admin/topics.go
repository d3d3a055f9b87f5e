package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ownTopics are Kafka's own, which it would make at their first use by the settings that a broker started with: too few copies where the cluster
// has grown since, and more than there are brokers where it has shrunk. Their settings are those that Kafka gives them.
func ownTopics(declared Declared, has map[string]int) []Topic {
	settings := map[string]string{
		"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600", minInSync: strconv.Itoa(declared.MinInSync),
	}
	var topics []Topic
	for _, name := range []string{"__consumer_offsets", "__transaction_state"} {
		topics = append(topics, Topic{Name: name, Partitions: max(ownPartitions, has[name]), Replication: declared.Replication, Settings: settings})
	}
	return topics
}

// ownPartitions is what the component's settings say as well.
const ownPartitions = 16

const minInSync = "min.insync.replicas"

// applyTopics makes those that are missing, gives others the partitions that they lack, and all of them their settings.
func applyTopics(ctx context.Context, c *Cluster, declared Declared) error {
	view, err := c.seen(ctx)
	if err != nil {
		return err
	}
	has := count(view.Partitions)
	for _, topic := range declared.Topics {
		if has[topic.Name] == 0 {
			if err := c.createTopic(ctx, topic); err != nil {
				return fmt.Errorf("the topic %s: %w", topic.Name, err)
			}
			continue
		}
		if has[topic.Name] < topic.Partitions {
			answers, err := c.admin.UpdatePartitions(ctx, topic.Partitions, topic.Name)
			if err == nil {
				err = answers.Error()
			}
			if err != nil {
				return fmt.Errorf("the topic %s gets no more partitions: %w", topic.Name, err)
			}
		}
		if err := applySettings(ctx, c, topic, replicasOf(topic.Name, view.Partitions)); err != nil {
			return fmt.Errorf("the settings of the topic %s: %w", topic.Name, err)
		}
	}
	return nil
}

func (c *Cluster) createTopic(ctx context.Context, topic Topic) error {
	settings := map[string]*string{}
	for name, value := range topic.Settings {
		settings[name] = &value
	}
	_, err := c.admin.CreateTopic(ctx, int32(topic.Partitions), int16(topic.Replication), settings, topic.Name)
	// A run before this one may have been as far, and Kafka makes its own by itself.
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// replicasOf is how many each partition of a topic has at least.
func replicasOf(topic string, partitions []Partition) int {
	least := 0
	for _, p := range partitions {
		if p.Topic == topic && (least == 0 || len(p.Replicas) < least) {
			least = len(p.Replicas)
		}
	}
	return least
}

// applySettings has a topic have those settings of its own that are declared, and no others. While it has fewer replicas than have to be in sync, as
// many as it has are enough: it would take no writes.
func applySettings(ctx context.Context, c *Cluster, topic Topic, replicas int) error {
	described, err := c.admin.DescribeTopicConfigs(ctx, topic.Name)
	if err != nil {
		return err
	}
	var changes []kadm.AlterConfig
	has := map[string]string{}
	for _, resource := range described {
		if resource.Err != nil {
			return resource.Err
		}
		for _, setting := range resource.Configs {
			if setting.Source != kmsg.ConfigSourceDynamicTopicConfig {
				continue
			}
			has[setting.Key] = setting.MaybeValue()
			if _, wanted := topic.Settings[setting.Key]; !wanted {
				changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: setting.Key})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(topic.Settings)) {
		value := topic.Settings[name]
		if least, err := strconv.Atoi(value); name == minInSync && err == nil && least > replicas {
			value = strconv.Itoa(replicas)
		}
		if now, there := has[name]; !there || now != value {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	answers, err := c.admin.AlterTopicConfigs(ctx, changes, topic.Name)
	return firstOf(err, answers, func(a kadm.AlterConfigsResponse) error { return a.Err })
}
