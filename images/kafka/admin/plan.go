package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Topic is one as it is declared.
type Topic struct {
	Name        string            `json:"name"`
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication"`
	Settings    map[string]string `json:"settings"`
}

// Assignment gives a partition to brokers, the preferred leader first.
type Assignment struct {
	Topic    string
	Number   int32
	Replicas []int32
}

// refuseFewer tells the topics that have more partitions than are declared. Messages would be lost with them, and keys would move.
func refuseFewer(declared []Topic, partitions []Partition) error {
	there := map[string]int{}
	for _, p := range partitions {
		there[p.Topic]++
	}
	var faults []string
	for _, topic := range declared {
		if has := there[topic.Name]; has > topic.Partitions {
			faults = append(faults, fmt.Sprintf("the topic %s has %d partitions, and Kafka takes none away: declare %d or more", topic.Name, has, has))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w%s", errHopeless, strings.Join(faults, "\n"))
	}
	return nil
}

// load counts the replicas of each of the brokers that may get some.
func load(partitions []Partition, brokers []int32) map[int32]int {
	count := map[int32]int{}
	for _, id := range brokers {
		count[id] = 0
	}
	for _, p := range partitions {
		for _, id := range p.Replicas {
			if _, may := count[id]; may {
				count[id]++
			}
		}
	}
	return count
}

// least is the broker with the fewest replicas that is none of those taken.
func least(count map[int32]int, taken []int32) (int32, bool) {
	ids := make([]int32, 0, len(count))
	for id := range count {
		if !slices.Contains(taken, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0, false
	}
	return slices.MinFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
	}), true
}

// planReplication gives each partition as many replicas as its topic is declared to have, on the declared brokers. Those that are in sync and stay
// declared are kept; a partition that has as many already is left as it is, wherever its replicas are.
func planReplication(wanted map[string]int, partitions []Partition, brokers []int32) []Assignment {
	count := load(partitions, brokers)
	var plan []Assignment
	for _, p := range partitions {
		want, declared := wanted[p.Topic]
		if !declared || len(p.Replicas) == want {
			continue
		}
		replicas := slices.Clone(p.Replicas)
		// What goes first when there are too many: what leaves, then what is behind, then the last.
		slices.SortStableFunc(replicas, func(a, b int32) int {
			return cmp.Compare(worth(b, p, brokers), worth(a, p, brokers))
		})
		for len(replicas) > want {
			if id := replicas[len(replicas)-1]; slices.Contains(brokers, id) {
				count[id]--
			}
			replicas = replicas[:len(replicas)-1]
		}
		for len(replicas) < want {
			id, found := least(count, replicas)
			if !found {
				break
			}
			count[id]++
			replicas = append(replicas, id)
		}
		plan = append(plan, Assignment{p.Topic, p.Number, replicas})
	}
	return plan
}

func worth(id int32, p Partition, brokers []int32) int {
	worth := 0
	if slices.Contains(p.InSync, id) {
		worth += 2
	}
	if slices.Contains(brokers, id) {
		worth++
	}
	return worth
}

// planLeave moves every replica of a broker to another one; what has no place elsewhere is named.
func planLeave(leaving int32, partitions []Partition, brokers []int32) ([]Assignment, error) {
	others := slices.DeleteFunc(slices.Clone(brokers), func(id int32) bool { return id == leaving })
	count := load(partitions, others)
	var plan []Assignment
	var stuck []string
	for _, p := range partitions {
		at := slices.Index(p.Replicas, leaving)
		if at < 0 {
			continue
		}
		id, found := least(count, p.Replicas)
		if !found {
			stuck = append(stuck, fmt.Sprintf("%s-%d", p.Topic, p.Number))
			continue
		}
		count[id]++
		replicas := slices.Clone(p.Replicas)
		replicas[at] = id
		plan = append(plan, Assignment{p.Topic, p.Number, replicas})
	}
	if len(stuck) > 0 {
		return nil, fmt.Errorf("these partitions have a replica on every broker that stays, so there is no place for another one: %s; lower the replication of their topics first",
			strings.Join(some(stuck), ", "))
	}
	return plan, nil
}
