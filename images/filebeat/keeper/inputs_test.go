package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func engineFolder(t *testing.T, containers map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for id, config := range containers {
		if err := os.MkdirAll(filepath.Join(root, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if config == "" {
			continue
		}
		for name, text := range map[string]string{"config.v2.json": config, "hostconfig.json": `{"LogConfig":{"Type":"json-file","Config":{"max-file":"3"}}}`} {
			if err := os.WriteFile(filepath.Join(root, id, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func described(stack, component, node string) string {
	return `{"Config":{"Labels":{"dockyard.stack":"` + stack + `","dockyard.component":"` + component + `","dockyard.node":"` + node + `"}}}`
}

func TestOnlyContainersOfTheStackAreFound(t *testing.T) {
	root := engineFolder(t, map[string]string{
		"aa": described("shop-dev", "gateway", "gateway-1"),
		"bb": described("other-dev", "gateway", "gateway-1"),
		"cc": `{"Config":{"Labels":null}}`,
		"dd": "",
		"ee": `{"Config":`,
	})
	known := listing{}
	found, err := known.look(root, "shop-dev")
	if err != nil || len(found) != 1 || found[0].Node != "gateway-1" || found[0].ID != "aa" {
		t.Fatalf("%+v, %v", found, err)
	}
	// One whose file was not whole yet is looked at again.
	if err := os.WriteFile(filepath.Join(root, "ee", "config.v2.json"), []byte(described("shop-dev", "web", "web-1")), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _ = known.look(root, "shop-dev"); len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	_ = os.RemoveAll(filepath.Join(root, "aa"))
	if found, _ = known.look(root, "shop-dev"); len(found) != 1 || len(known) != 3 {
		t.Fatalf("%+v of %d", found, len(known))
	}
}

func TestTheFirstRuleThatCoversAComponentIsItsOwn(t *testing.T) {
	s := settings{
		Inputs: []input{{"type": "log", "paths": []string{"/logs/a"}}},
		Containers: &containersOf{Root: "/c", Rules: []rule{
			{Components: []string{"gateway"}, Input: input{"type": "container", "stream": "stdout"}},
			{Except: []string{"logs"}, Input: input{"type": "container", "processors": []any{map[string]any{"drop_event": nil}}}},
		}},
	}
	all := []container{{ID: "aa", Component: "gateway"}, {ID: "bb", Component: "web", Node: "web-1"}, {ID: "cc", Component: "logs"}}
	if read := s.Containers.read(all); len(read) != 2 {
		t.Fatalf("%v are read", read)
	}
	wanted := wantedInputs(s, all, newHeld("/run/held", nil).links)
	if len(wanted) != 3 || !strings.Contains(wanted["container-aa.yml"], `"stream": "stdout"`) {
		t.Fatalf("%v", wanted)
	}
	web := wanted["container-bb.yml"]
	for _, part := range []string{`"/c/bb/bb-json.log*"`, `"/run/held/bb/*"`, `"symlinks": true`, `"node": "web-1"`, `"drop_event"`} {
		if !strings.Contains(web, part) {
			t.Fatalf("no %s in %s", part, web)
		}
	}
	if strings.Index(web, "add_fields") > strings.Index(web, "drop_event") {
		t.Fatalf("the names come too late: %s", web)
	}
}

func TestWhatIsReadStaysUntilNothingIsLeft(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "inputs")
	yes, no := func(string) bool { return true }, func(string) bool { return false }
	kept := 0
	before := func() error { kept++; return nil }
	write := func(wanted map[string]string, unread func(string) bool) (bool, int) {
		changed, err := writeInputs(folder, wanted, unread, before)
		if err != nil {
			t.Fatal(err)
		}
		entries, _ := os.ReadDir(folder)
		return changed, len(entries)
	}
	both := map[string]string{"file-0.yml": "a", "container-aa.yml": "b"}
	if changed, count := write(both, no); !changed || count != 2 {
		t.Fatal("not written")
	}
	if changed, _ := write(both, no); changed {
		t.Fatal("written again")
	}
	if kept != 0 {
		t.Fatal("what is new changes nothing that is read")
	}
	if _, count := write(map[string]string{"file-0.yml": "c", "container-aa.yml": "b"}, no); count != 2 || kept != 1 {
		t.Fatalf("changed without a word: %d", kept)
	}
	if changed, count := write(map[string]string{}, yes); !changed || count != 1 {
		t.Fatalf("the file's input stays, or the container's does not: %d", count)
	}
	if changed, count := write(map[string]string{}, no); !changed || count != 0 {
		t.Fatalf("the container's input stays: %d", count)
	}
}

func TestAContainerIsToldOfThatLosesLines(t *testing.T) {
	for config, word := range map[string]string{
		`{"Type":"json-file","Config":{"max-file":"3","mode":"blocking","compress":"false"}}`: "",
		`{"Type":"json-file","Config":{"mode":"non-blocking"}}`:                               "non-blocking",
		`{"Type":"json-file","Config":{"compress":"true"}}`:                                   "compress",
		`{"Type":"journald","Config":{}}`:                                                     "journald",
	} {
		root := engineFolder(t, map[string]string{"aa": described("shop-dev", "web", "web-1")})
		if err := os.WriteFile(filepath.Join(root, "aa", "hostconfig.json"), []byte(`{"LogConfig":`+config+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := listing{}.look(root, "shop-dev")
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		told := lossy(found)
		if (len(told) == 1) != (word != "") || !strings.Contains(told["web-1"], word) {
			t.Errorf("%s: %v", config, told)
		}
		if word != "" && !strings.Contains(report{Lossy: told}.status(), "lines of web-1 may be lost") {
			t.Errorf("%s is not told", config)
		}
	}
}

func TestPatternsThatAreNoneAreRefused(t *testing.T) {
	for _, each := range []input{
		{"include_lines": []any{"("}},
		{"exclude_files": []any{"ok", "[z-a]"}},
		{"multiline": map[string]any{"pattern": "*"}},
	} {
		if checkPatterns(each) == nil {
			t.Fatalf("%v is taken", each)
		}
	}
	if err := checkPatterns(input{"include_lines": []any{`^\d+`}, "multiline": map[string]any{"pattern": `^\s`}}); err != nil {
		t.Fatal(err)
	}
}
