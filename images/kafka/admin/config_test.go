package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func configWith(t *testing.T, founding string, members ...Member) Config {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "founding"), []byte(founding+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Node: "events-1", Members: members, folder: folder}
}

func TestFounding(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	at := func(ago time.Duration) string { return fmt.Sprintf("found %d", now.Add(-ago).Unix()) }
	// Addresses of this machine at which nobody listens on the controllers' port.
	own := Member{Name: "events-1", ID: 1, Address: "127.1.2.1", Broker: true, Controller: true}
	other := Member{Name: "events-2", ID: 2, Address: "127.1.2.2", Broker: true, Controller: true}
	for name, c := range map[string]struct {
		founding string
		members  []Member
		said     string
		words    string
	}{
		"begins where there is nothing":               {at(time.Minute), []Member{own, other}, "found", ""},
		"joins where there is data":                   {"join", []Member{own, other}, "join", ""},
		"has lost what it had where that is long ago": {at(2 * time.Hour), []Member{own, other}, "", "the volume of its first node is empty"},
		"begins anew where it is alone":               {at(48 * time.Hour), []Member{own}, "found", ""},
		"joins where that cannot be read":             {"found soon", []Member{own}, "join", ""},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := configWith(t, c.founding, c.members...).founding(context.Background(), now)
			expect(t, err, c.words)
			if said != c.said {
				t.Errorf("said %q, not %q", said, c.said)
			}
		})
	}
	t.Run("joins one that answers", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.1.2.3:9093")
		if err != nil {
			t.Skip(err)
		}
		defer listener.Close()
		other := Member{Name: "events-2", ID: 2, Address: "127.1.2.3", Controller: true}
		if said, err := configWith(t, at(time.Minute), own, other).founding(context.Background(), now); said != "join" || err != nil {
			t.Errorf("said %q, %v", said, err)
		}
	})
}

func TestExpected(t *testing.T) {
	members := []Member{{Name: "events-1"}, {Name: "events-2"}}
	joining, founding := configWith(t, "join", members...), configWith(t, "found 1", members...)
	for name, c := range map[string]struct {
		config Config
		record []string
		err    error
		names  []string
	}{
		"are those on record":              {joining, []string{"events-3"}, errNobody, []string{"events-3"}},
		"are all where the record is lost": {joining, nil, errNobody, []string{"events-1", "events-2"}},
		"are none where the node begins":   {founding, nil, errNobody, nil},
		"are none where somebody answers":  {joining, nil, errNeeded, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if names := expected(c.config, c.record, c.err); !reflect.DeepEqual(names, c.names) {
				t.Errorf("%v, not %v", names, c.names)
			}
		})
	}
}
