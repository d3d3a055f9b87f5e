package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// founding is a configuration of a node whose program found what it says of data elsewhere.
func founding(t *testing.T, node, found string) Config {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "founding"), []byte(found+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	members := []Member{{"a", "10.0.0.1"}, {"b", "10.0.0.2"}, {"c", "10.0.0.3"}}
	return Config{Node: node, Members: members, Founder: "a", SemiSync: true, Acks: 1, LagSeconds: 10, folder: folder}
}

func TestDecide(t *testing.T) {
	first, other := founding(t, "a", "join"), founding(t, "b", "join")
	peer := func(node string, epoch int, source string) Status {
		return Status{Node: node, Epoch: epoch, Source: source}
	}
	for name, test := range map[string]struct {
		view   View
		action Action
		epoch  int
		source string
	}{
		"the first of a new set begins it":            {View{Config: first, Empty: true, MayFound: true}, actFound, 0, ""},
		"the first goes on where a crash cut it off":  {View{Config: first, MayFound: true}, actFound, 0, ""},
		"the first that lost its data waits":          {View{Config: first, Empty: true}, actWait, 0, ""},
		"the first that lost its data copies others'": {View{Config: first, Empty: true, MayFound: true, Peers: []Status{peer("b", 3, "b")}}, actClone, 3, "b"},
		"another one waits":                           {View{Config: other, Empty: true}, actWait, 0, ""},
		"a new one copies":                            {View{Config: other, Empty: true, Peers: []Status{peer("a", 1, "a")}}, actClone, 1, "a"},
		"a source alone waits":                        {View{Config: first, State: State{Epoch: 1, Source: "a"}}, actWait, 1, "a"},
		"a source with a majority opens":              {View{Config: first, State: State{Epoch: 1, Source: "a"}, Peers: []Status{peer("b", 1, "a")}}, actOpen, 1, "a"},
		"a source whose peer knows nothing yet opens": {View{Config: first, State: State{Epoch: 1, Source: "a"}, Peers: []Status{peer("b", 0, "")}}, actOpen, 1, "a"},
		"a source that is open stays so alone":        {View{Config: first, State: State{Epoch: 1, Source: "a"}, Open: true}, actOpen, 1, "a"},
		"an open source follows a later one":          {View{Config: first, State: State{Epoch: 1, Source: "a"}, Open: true, Peers: []Status{peer("b", 2, "b")}}, actFollow, 2, "b"},
		"an old source follows the new one":           {View{Config: first, State: State{Epoch: 1, Source: "a"}, Peers: []Status{peer("b", 2, "b")}}, actFollow, 2, "b"},
		"the latest account holds, whoever tells it":  {View{Config: first, State: State{Epoch: 1, Source: "a"}, Peers: []Status{peer("c", 2, "b"), peer("b", 3, "c")}}, actFollow, 3, "c"},
		"two in one epoch are a conflict":             {View{Config: first, State: State{Epoch: 2, Source: "a"}, Peers: []Status{peer("b", 2, "b")}}, actConflict, 2, "a"},
		"a later epoch ends a conflict":               {View{Config: first, State: State{Epoch: 2, Source: "a"}, Peers: []Status{peer("b", 2, "b"), peer("c", 3, "c")}}, actFollow, 3, "c"},
		"a source that lost its data leads nobody":    {View{Config: first, State: State{Epoch: 2, Source: "a"}, Empty: true, Peers: []Status{peer("b", 2, "a"), peer("c", 2, "a")}}, actWait, 2, "a"},
		"a replica follows also while alone":          {View{Config: other, State: State{Epoch: 1, Source: "a"}}, actFollow, 1, "a"},
	} {
		action, state := decide(test.view)
		if action != test.action || state.Epoch != test.epoch || state.Source != test.source {
			t.Errorf("%s: got action %d and %+v", name, action, state)
		}
	}
}

func TestMayFound(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	at := func(ago time.Duration) string { return fmt.Sprintf("found %d", now.Add(-ago).Unix()) }
	alone := founding(t, "a", at(48*time.Hour))
	alone.Members = alone.Members[:1]
	for name, test := range map[string]struct {
		config Config
		may    bool
		words  string
	}{
		"where there is no data":               {founding(t, "a", at(time.Minute)), true, ""},
		"not where there is":                   {founding(t, "a", "join"), false, ""},
		"not another node":                     {founding(t, "b", at(time.Minute)), false, ""},
		"not where that is long ago":           {founding(t, "a", at(2*time.Hour)), false, "its first node knows nothing of it: bring the others back first"},
		"long after, where it is alone":        {alone, true, ""},
		"not where nothing says when that was": {founding(t, "a", "found"), false, ""},
		"not where that cannot be read":        {founding(t, "a", "found soon"), false, ""},
	} {
		may, why := test.config.mayFound(now)
		if may != test.may || (why == nil) != (test.words == "") || (why != nil && !strings.Contains(why.Error(), test.words)) {
			t.Errorf("%s: got %t and %v", name, may, why)
		}
	}
}

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keeper.json")
	if state, err := loadState(path); err != nil || state != (State{}) {
		t.Fatalf("a node that knows nothing: %+v, %v", state, err)
	}
	want := State{Epoch: 7, Source: "b", Formed: true}
	if err := want.save(path); err != nil {
		t.Fatal(err)
	}
	if state, err := loadState(path); err != nil || state != want {
		t.Fatalf("got %+v, %v", state, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadState(path); err == nil {
		t.Fatal("a state that cannot be read is no empty one")
	}
}
