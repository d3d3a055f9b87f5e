package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Declared is what a cluster has beside its messages, as the program says.
type Declared struct {
	// Brokers are the numbers of those that the program has.
	Brokers []int32 `json:"brokers"`
	// Replication is how many replicas Kafka's own topics have, as far as they are there.
	Replication int `json:"replication"`
	// MinInSync is what topics get that say nothing of it.
	MinInSync int     `json:"minInSync"`
	Topics    []Topic `json:"topics"`
	Users     []User  `json:"users"`
	ACLs      []ACL   `json:"acls"`
}

// User logs in by SCRAM-SHA-512.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

const (
	iterations = 8192
	// firstAnswer is how long a cluster that has just been made may take to answer.
	firstAnswer = 60 * time.Second
	// moveLimit is how long partitions may take to be copied.
	moveLimit = 10 * time.Minute
)

// apply makes a running cluster as it is declared. Topics that are no longer declared stay, with their messages; users and rights go.
func apply(ctx context.Context, c *Cluster, declared Declared) error {
	var view View
	err := until(ctx, firstAnswer, func() (bool, error) {
		var err error
		view, err = c.look(ctx)
		return err == nil && len(view.Alive) > 0, err
	})
	if err != nil {
		return err
	}
	if err := refuseFewer(declared.Topics, view.Partitions); err != nil {
		return err
	}
	declared.Topics = append(declared.Topics, ownTopics(declared, count(view.Partitions))...)
	// Who may write what comes first; nobody is to wait for copies.
	for _, step := range []func(context.Context, *Cluster, Declared) error{applyUsers, applyACLs, applyTopics, applyReplication, applyDefaults} {
		if err := anew(ctx, func() error { return step(ctx, c, declared) }); err != nil {
			return err
		}
	}
	return nil
}

// anew begins a step again for as long as what stands in its way may go by itself, such as another leader of the controllers: it finds what
// it did before.
func anew(ctx context.Context, step func() error) error {
	var failed error
	err := until(ctx, firstAnswer, func() (bool, error) {
		failed = step()
		return failed == nil || !passes(failed), failed
	})
	if err != nil {
		return err
	}
	return failed
}

// passes says whether an error may go by itself.
func passes(err error) bool {
	return errors.Is(err, errNobody) || kerr.IsRetriable(err)
}

func count(partitions []Partition) map[string]int {
	there := map[string]int{}
	for _, p := range partitions {
		there[p.Topic]++
	}
	return there
}

// applyDefaults comes last: a topic that says nothing of it would take no writes while it lacks the replicas.
func applyDefaults(ctx context.Context, c *Cluster, declared Declared) error {
	value := strconv.Itoa(declared.MinInSync)
	answers, err := c.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "min.insync.replicas", Value: &value}})
	return firstOf(err, answers, func(a kadm.AlterConfigsResponse) error { return a.Err })
}

// applyReplication gives partitions the replicas that they lack, as after the growth from one broker to three, and takes away what is too many; then
// as many of them have to be in sync as are declared.
func applyReplication(ctx context.Context, c *Cluster, declared Declared) error {
	wanted := map[string]int{}
	for _, topic := range declared.Topics {
		wanted[topic.Name] = topic.Replication
	}
	// New partitions are known to all brokers a moment later.
	err := until(ctx, firstAnswer, func() (bool, error) {
		view, err := c.seen(ctx)
		has := count(view.Partitions)
		behind := slices.IndexFunc(declared.Topics, func(topic Topic) bool { return has[topic.Name] < topic.Partitions })
		if err == nil && behind >= 0 {
			err = fmt.Errorf("the topic %s does not have its partitions yet", declared.Topics[behind].Name)
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	view, err := c.unmoving(ctx)
	if err != nil {
		return err
	}
	lacking := planReplication(wanted, view.Partitions, declared.Brokers)
	if len(lacking) == 0 {
		return nil
	}
	if err := c.assign(ctx, lacking); err != nil {
		return err
	}
	for _, topic := range declared.Topics {
		if err := applySettings(ctx, c, topic, topic.Replication); err != nil {
			return fmt.Errorf("the settings of the topic %s: %w", topic.Name, err)
		}
	}
	return nil
}

// unmoving is a look at which no partition is on its way: what an earlier run began is copied to its end first.
func (c *Cluster) unmoving(ctx context.Context) (View, error) {
	view, err := c.seen(ctx)
	if err != nil {
		return view, err
	}
	topics := kadm.TopicsSet{}
	for _, p := range view.Partitions {
		topics.Add(p.Topic, p.Number)
	}
	if err := c.copied(ctx, topics); err != nil {
		return view, err
	}
	return c.seen(ctx)
}

// assign moves partitions and waits until the brokers have what they were given.
func (c *Cluster) assign(ctx context.Context, plan []Assignment) error {
	if len(plan) == 0 {
		return nil
	}
	var request kadm.AlterPartitionAssignmentsReq
	topics := kadm.TopicsSet{}
	for _, each := range plan {
		request.Assign(each.Topic, each.Number, each.Replicas)
		topics.Add(each.Topic, each.Number)
	}
	answers, err := c.admin.AlterPartitionAssignments(ctx, request)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		return fmt.Errorf("partitions cannot be moved: %w", err)
	}
	return c.copied(ctx, topics)
}

// copied waits until no partition of these moves.
func (c *Cluster) copied(ctx context.Context, topics kadm.TopicsSet) error {
	return until(ctx, moveLimit, func() (bool, error) {
		moving, err := c.admin.ListPartitionReassignments(ctx, topics)
		if err != nil {
			return false, err
		}
		names := []string{}
		moving.Each(func(each kadm.ListPartitionReassignmentsResponse) {
			names = append(names, fmt.Sprintf("%s-%d", each.Topic, each.Partition))
		})
		return len(names) == 0, fmt.Errorf("partitions still move: %s", strings.Join(some(names), ", "))
	})
}

// applyUsers has those users log in that are declared, with the passwords of now, and nobody else.
func applyUsers(ctx context.Context, c *Cluster, declared Declared) error {
	there, err := c.admin.DescribeUserSCRAMs(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	var upsert []kadm.UpsertSCRAM
	for _, user := range declared.Users {
		wanted[user.Name] = true
		upsert = append(upsert, kadm.UpsertSCRAM{User: user.Name, Mechanism: kadm.ScramSha512, Iterations: iterations, Password: user.Password})
	}
	var remove []kadm.DeleteSCRAM
	for _, user := range there.Sorted() {
		if user.Err != nil {
			return fmt.Errorf("the user %s: %w", user.User, user.Err)
		}
		for _, credential := range user.CredInfos {
			if !wanted[user.User] || credential.Mechanism != kadm.ScramSha512 {
				remove = append(remove, kadm.DeleteSCRAM{User: user.User, Mechanism: credential.Mechanism})
			}
		}
	}
	if len(upsert)+len(remove) == 0 {
		return nil
	}
	answers, err := c.admin.AlterUserSCRAMs(ctx, remove, upsert)
	if err != nil {
		return err
	}
	for _, answer := range answers.Sorted() {
		if answer.Err != nil {
			return fmt.Errorf("the user %s: %w %s", answer.User, answer.Err, answer.ErrMessage)
		}
	}
	return nil
}

func firstOf[T any](err error, answers []T, of func(T) error) error {
	for _, answer := range answers {
		err = errors.Join(err, of(answer))
	}
	return err
}
