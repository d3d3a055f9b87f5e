package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// line is one as the engine writes it.
func line(text, stream string) string {
	return fmt.Sprintf("{\"log\":%q,\"stream\":%q,\"time\":\"2026-11-29T01:00:00Z\"}\n", text, stream)
}

var someLines = line("one\n", "stdout") + line("two\n", "stdout")

func logOf(t *testing.T, root, id, text string) string {
	t.Helper()
	path := filepath.Join(root, id, id+"-json.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// engine is one with containers, and a Filebeat that has noted how far it came.
type engine struct {
	t     *testing.T
	root  string
	held  *held
	noted map[fileNumber]state
}

func newEngine(t *testing.T) *engine {
	e := &engine{t: t, root: t.TempDir(), noted: map[fileNumber]state{}}
	e.held = newHeld(filepath.Join(t.TempDir(), "held"), func() (map[fileNumber]state, error) { return e.noted, nil })
	return e
}

// look has the containers be there, and read.
func (e *engine) look(reading map[fileNumber]openFile, ids ...string) {
	e.t.Helper()
	there, read := listing{}, []container{}
	for _, id := range ids {
		there[id] = container{ID: id}
		read = append(read, container{ID: id, Node: "web-1", stream: "all"})
	}
	if err := e.held.look(e.root, there, read, reading); err != nil {
		e.t.Fatal(err)
	}
}

// open are all the files that are held, as if Filebeat had them open.
func (e *engine) open() map[fileNumber]openFile {
	reading := map[fileNumber]openFile{}
	for number := range e.held.files {
		reading[number] = openFile{}
	}
	return reading
}

// ships has Filebeat note that so much of each file was taken, at a moment.
func (e *engine) ships(offset int64, at time.Time) {
	for number := range e.held.files {
		e.noted[number] = state{Offset: offset, Timestamp: [2]int64{int64(at.Nanosecond()), at.Unix()}}
	}
}

func (e *engine) expect(waiting, links int) {
	e.t.Helper()
	there, err := filepath.Glob(e.held.links("aa"))
	if err != nil {
		e.t.Fatal(err)
	}
	if files, _ := e.held.waiting(); files != waiting || len(there) != links {
		e.t.Fatalf("%d wait, and there are %v", files, there)
	}
}

func TestTheLogOfAContainerThatIsGoneIsKeptUntilItIsShipped(t *testing.T) {
	e, whole := newEngine(t), int64(len(someLines))
	path := logOf(t, e.root, "aa", someLines)
	e.look(nil, "aa")
	e.expect(0, 1)
	_ = os.RemoveAll(filepath.Dir(path))
	e.look(nil)
	e.expect(1, 1)
	links, _ := filepath.Glob(e.held.links("aa"))
	if text, err := os.ReadFile(links[0]); err != nil || string(text) != someLines {
		t.Fatalf("%s %v", text, err)
	}
	// However often Filebeat begins anew, and has it open or not: what counts is what was taken.
	for _, reading := range []map[fileNumber]openFile{nil, nil, e.open(), nil, nil} {
		e.look(reading)
		e.expect(1, 1)
	}
	e.ships(whole-1, time.Now().Add(time.Second))
	e.look(nil)
	e.expect(1, 1)
	// Of another file, which had its number.
	e.ships(whole, time.Now().Add(-time.Hour))
	e.look(nil)
	e.expect(1, 1)
	e.ships(whole, time.Now().Add(time.Second))
	e.look(nil)
	e.expect(0, 0)
	if e.held.of("aa") || len(e.held.streams) != 0 {
		t.Fatal("something is left")
	}
}

func TestWhatIsRotatedAwayIsLetGoButWhatFilebeatHasBegun(t *testing.T) {
	e := newEngine(t)
	rotate := func() {
		path := logOf(t, e.root, "aa", someLines)
		e.look(nil, "aa")
		_ = os.Remove(path)
	}
	// Filebeat has it open, or had it open before it was restarted.
	rotate()
	e.look(e.open(), "aa")
	e.look(nil, "aa")
	e.expect(1, 1)
	e.ships(int64(len(someLines)), time.Now().Add(time.Second))
	e.look(nil, "aa")
	e.expect(0, 0)
	// A part of it was taken.
	rotate()
	e.ships(1, time.Now().Add(time.Second))
	e.look(nil, "aa")
	e.look(nil, "aa")
	e.expect(1, 1)
	e.ships(int64(len(someLines)), time.Now().Add(time.Second))
	e.look(nil, "aa")
	// All of it was, and nobody waits for it.
	rotate()
	e.ships(int64(len(someLines)), time.Now().Add(time.Second))
	e.look(nil, "aa")
	e.expect(0, 0)
	if e.held.lost != 0 {
		t.Fatalf("%d lost", e.held.lost)
	}
}

func TestWhatIsRotatedAwayUnreadIsTold(t *testing.T) {
	e := newEngine(t)
	// Also what was there before the keeper, where Filebeat has noted nothing of it.
	path := logOf(t, e.root, "aa", someLines)
	e.look(nil, "aa")
	_ = os.Remove(path)
	e.look(nil, "aa")
	if e.held.lost != 0 {
		t.Fatal("it may be of a container that is being removed")
	}
	e.look(nil, "aa")
	if e.held.lost != 1 || !strings.Contains(report{Lost: e.held.lost}.status(), "1 log files were rotated away") {
		t.Fatalf("%d lost", e.held.lost)
	}
	e.expect(0, 0)
}

func TestTheFilesOfAContainerThatIsBeingRemovedAreNotTakenForRotated(t *testing.T) {
	e := newEngine(t)
	path := logOf(t, e.root, "aa", someLines)
	e.look(nil, "aa")
	_ = os.Remove(path)
	e.look(nil, "aa")
	_ = os.Remove(filepath.Dir(path))
	e.look(nil)
	e.expect(1, 1)
}

func TestWhatNobodyWantsToReadIsLetGo(t *testing.T) {
	e := newEngine(t)
	logOf(t, e.root, "aa", someLines)
	e.look(nil, "aa")
	e.look(e.open(), "aa")
	if err := e.held.look(e.root, listing{"aa": {ID: "aa"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	e.expect(0, 0)
}

func TestWhatFilebeatHasOpenIsFoundAgainThoughItsNameIsGone(t *testing.T) {
	e := newEngine(t)
	path := logOf(t, e.root, "aa", someLines)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	reader := exec.Command("sleep", "60")
	reader.Stdin = file
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
	file.Close()
	adopt := func() {
		reading, err := openFiles(reader.Process.Pid, e.root)
		if err != nil || len(reading) != 1 {
			t.Fatalf("%v, %v", reading, err)
		}
		if err := e.held.adopt(reading, e.root); err != nil {
			t.Fatal(err)
		}
	}
	e.look(nil, "aa")
	adopt()
	e.expect(0, 1)
	_ = os.Remove(path)
	// It was open when Filebeat was ended, and is kept for the next one.
	e.look(nil, "aa")
	e.expect(1, 1)
	// One that the keeper has never seen.
	for number := range e.held.files {
		e.held.release(number)
	}
	adopt()
	e.expect(1, 1)
	links, _ := filepath.Glob(e.held.links("aa"))
	if text, err := os.ReadFile(links[0]); err != nil || string(text) != someLines {
		t.Fatalf("%s %v", text, err)
	}
}
