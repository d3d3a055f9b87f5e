package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// configured makes a folder the configuration of a keeper.
func configured(t *testing.T, p paths, name string, s settings) {
	t.Helper()
	folder, current := filepath.Join(p.config, name), filepath.Join(p.config, "current")
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, settingsFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(current)
	if err := os.Symlink(folder, current); err != nil {
		t.Fatal(err)
	}
}

func TestAnInputIsTakenFromAContainerThatRunsAndLeftToOneThatIsGone(t *testing.T) {
	root := engineFolder(t, map[string]string{"aa": described("shop", "web", "web-1"), "bb": described("shop", "job", "job-1")})
	for _, id := range []string{"aa", "bb"} {
		logOf(t, root, id, someLines)
	}
	p := paths{config: t.TempDir(), run: t.TempDir(), data: t.TempDir()}
	k := newKeeper(p)
	look := func(inputs ...string) {
		t.Helper()
		if err := k.look(); err != nil {
			t.Fatal(err)
		}
		there, _ := filepath.Glob(filepath.Join(k.inputs(), "*"))
		if len(there) != len(inputs) {
			t.Fatalf("%v are read, not %v", there, inputs)
		}
		for at, each := range inputs {
			if filepath.Base(there[at]) != containerFile(each) {
				t.Fatalf("%v are read, not %v", there, inputs)
			}
		}
	}
	all := settings{Containers: &containersOf{Stack: "shop", Root: root, Rules: []rule{{Input: input{"type": "container", "stream": "all"}}}}}
	configured(t, p, "1", all)
	look("aa", "bb")
	// Filebeat has the log of the one that runs open.
	reader := exec.Command("sleep", "60")
	log, err := os.Open(filepath.Join(root, "aa", "aa-json.log"))
	if err != nil {
		t.Fatal(err)
	}
	reader.Stdin = log
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
	log.Close()
	k.child, k.outdated = &child{command: reader}, false
	// What is gone is read to its end.
	_ = os.RemoveAll(filepath.Join(root, "bb"))
	look("aa", "bb")
	all.Containers.Rules[0].Except = []string{"web"}
	configured(t, p, "2", all)
	look("bb")
	if k.held.of("aa") {
		t.Fatal("a log that nobody reads is still open")
	}
}
