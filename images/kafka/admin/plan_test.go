package main

import (
	"reflect"
	"testing"
)

func assigned(plan []Assignment) [][]int32 {
	var all [][]int32
	for _, each := range plan {
		all = append(all, each.Replicas)
	}
	return all
}

func TestPlanReplication(t *testing.T) {
	single := []Partition{{Topic: "a", Replicas: []int32{1}, InSync: []int32{1}}, {Topic: "a", Number: 1, Replicas: []int32{1}, InSync: []int32{1}}}
	wide := []Partition{{Topic: "a", Replicas: []int32{3, 1, 2}, InSync: []int32{1, 2}}}
	for name, c := range map[string]struct {
		partitions []Partition
		want       int
		brokers    []int32
		plan       [][]int32
	}{
		"grows, the leader first, and spreads":     {single, 2, []int32{1, 2, 3}, [][]int32{{1, 2}, {1, 3}}},
		"grows to all":                             {single, 3, []int32{1, 2, 3}, [][]int32{{1, 2, 3}, {1, 2, 3}}},
		"leaves what is enough where it is":        {wide, 3, []int32{1, 2}, nil},
		"gives up what is behind":                  {wide, 2, []int32{1, 2, 3}, [][]int32{{1, 2}}},
		"gives up what leaves before what stays":   {[]Partition{{Topic: "a", Replicas: []int32{3, 2, 1}, InSync: []int32{1, 2, 3}}}, 1, []int32{1}, [][]int32{{1}}},
		"keeps what is in sync though it leaves":   {[]Partition{{Topic: "a", Replicas: []int32{3, 1}, InSync: []int32{3}}}, 1, []int32{1}, [][]int32{{3}}},
		"does as much as there are brokers":        {single, 3, []int32{1, 2}, [][]int32{{1, 2}, {1, 2}}},
		"leaves topics alone that nobody declared": {[]Partition{{Topic: "other", Replicas: []int32{1}}}, 3, []int32{1, 2, 3}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := assigned(planReplication(map[string]int{"a": c.want}, c.partitions, c.brokers)); !reflect.DeepEqual(got, c.plan) {
				t.Errorf("%v, not %v", got, c.plan)
			}
		})
	}
}

func TestPlanLeave(t *testing.T) {
	partitions := []Partition{
		{Topic: "a", Replicas: []int32{4, 1, 2}}, {Topic: "a", Number: 1, Replicas: []int32{1, 2, 3}}, {Topic: "b", Replicas: []int32{2, 4}},
	}
	plan, err := planLeave(4, partitions, []int32{1, 2, 3, 4})
	if want := [][]int32{{3, 1, 2}, {2, 1}}; err != nil || !reflect.DeepEqual(assigned(plan), want) {
		t.Errorf("%v, %v, not %v", assigned(plan), err, want)
	}
	_, err = planLeave(3, partitions, []int32{1, 2, 3})
	expect(t, err, "no place for another one: a-1")
}

func TestRefuseFewer(t *testing.T) {
	there := []Partition{{Topic: "a"}, {Topic: "a", Number: 1}}
	expect(t, refuseFewer([]Topic{{Name: "a", Partitions: 2}, {Name: "new", Partitions: 1}}, there), "")
	expect(t, refuseFewer([]Topic{{Name: "a", Partitions: 1}}, there), "the topic a has 2 partitions, and Kafka takes none away: declare 2 or more")
}
