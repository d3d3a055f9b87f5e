package main

import (
	"context"
	"encoding/json"
	"os"
)

// Report is what `status` prints.
type Report struct {
	Leader     string           `json:"leader"`
	Voters     map[string]bool  `json:"votersCurrent"`
	Brokers    []string         `json:"brokers"`
	Partitions map[string]int   `json:"partitions"`
	Lacking    []string         `json:"underReplicated"`
	Lag        map[string]int64 `json:"groupLag"`
}

// Live is what a preview has to know.
type Live struct {
	Partitions map[string]int `json:"partitions"`
	Voters     []string       `json:"voters"`
}

// report prints the cluster as JSON; `live` only what a preview has to know, `replication` how many replicas each topic has.
func report(ctx context.Context, c *Cluster, verb string) error {
	view, err := c.seen(ctx)
	if err != nil {
		return err
	}
	told := Report{
		Leader: view.Config.byID(view.Quorum.Leader), Voters: map[string]bool{}, Brokers: []string{}, Partitions: map[string]int{},
		Lacking: []string{}, Lag: map[string]int64{},
	}
	told.Lacking = append(told.Lacking, view.lacking(func(p Partition) bool { return len(p.InSync) < len(p.Replicas) })...)
	replication := map[string]int{}
	for _, p := range view.Partitions {
		told.Partitions[p.Topic]++
		if least, there := replication[p.Topic]; !there || len(p.Replicas) < least {
			replication[p.Topic] = len(p.Replicas)
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	switch verb {
	case "live":
		voters := []string{}
		for _, voter := range view.Quorum.Voters {
			voters = append(voters, view.Config.byID(voter.ID))
		}
		return encoder.Encode(Live{told.Partitions, voters})
	case "replication":
		return encoder.Encode(replication)
	}
	for _, voter := range view.Quorum.Voters {
		told.Voters[view.Config.byID(voter.ID)] = voter.Current
	}
	for _, id := range view.Alive {
		told.Brokers = append(told.Brokers, view.Config.byID(id))
	}
	lags, err := c.admin.Lag(ctx)
	if err != nil {
		return err
	}
	for _, group := range lags.Sorted() {
		told.Lag[group.Group] = group.Lag.Total()
	}
	return encoder.Encode(told)
}
