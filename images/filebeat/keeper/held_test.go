package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

func linksOf(t *testing.T, h *held, id string) []string {
	t.Helper()
	links, err := filepath.Glob(h.links(id))
	if err != nil {
		t.Fatal(err)
	}
	return links
}

func pipeline(published, acked uint64) stats {
	var told stats
	told.Libbeat.Pipeline.Events.Published, told.Libbeat.Pipeline.Queue.Acked = published, acked
	return told
}

func TestTheLogOfAContainerThatIsGoneIsKeptUntilItIsShipped(t *testing.T) {
	root, h := t.TempDir(), newHeld(filepath.Join(t.TempDir(), "held"))
	path := logOf(t, root, "aa", "lines\n")
	look := func(ids ...string) {
		var there []container
		for _, id := range ids {
			there = append(there, container{ID: id})
		}
		if err := h.look(root, there, nil); err != nil {
			t.Fatal(err)
		}
	}
	look("aa")
	if files, _ := h.waiting(); files != 0 || len(linksOf(t, h, "aa")) != 1 {
		t.Fatalf("%d wait", files)
	}
	_ = os.RemoveAll(filepath.Dir(path))
	look()
	links := linksOf(t, h, "aa")
	if files, bytes := h.waiting(); files != 1 || bytes != 6 || !h.of("aa") || len(links) != 1 {
		t.Fatalf("%d files, %d bytes, %v", files, bytes, links)
	}
	if text, err := os.ReadFile(links[0]); err != nil || string(text) != "lines\n" {
		t.Fatalf("%s %v", text, err)
	}
	reading, now := map[fileNumber]openFile{}, time.Now()
	for number := range h.files {
		reading[number] = openFile{}
	}
	for at, step := range []struct {
		told    stats
		reading map[fileNumber]openFile
		after   time.Duration
		kept    bool
	}{
		// While the output is away it is not even opened.
		{pipeline(100, 40), nil, 0, true}, {pipeline(100, 40), nil, 600, true}, {pipeline(200, 100), nil, 601, true},
		{pipeline(200, 150), reading, 602, true}, {pipeline(200, 200), reading, 699, true},
		// What was handed on of it is under way.
		{pipeline(300, 200), nil, 700, true}, {pipeline(400, 299), nil, 800, true}, {pipeline(400, 300), nil, 801, true}, {pipeline(400, 300), nil, 805, true},
		{pipeline(400, 300), nil, 812, false},
	} {
		h.settle(step.reading, step.told, now.Add(step.after*time.Second))
		if h.of("aa") != step.kept {
			t.Fatalf("step %d", at)
		}
	}
	if links := linksOf(t, h, "aa"); len(links) != 0 {
		t.Fatal(links)
	}
}

func TestWhatIsRotatedAwayIsLetGoButWhatFilebeatHasOpenAtItsEnd(t *testing.T) {
	root, h := t.TempDir(), newHeld(filepath.Join(t.TempDir(), "held"))
	path := logOf(t, root, "aa", "lines\n")
	there := []container{{ID: "aa"}}
	if err := h.look(root, there, nil); err != nil {
		t.Fatal(err)
	}
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
	_ = os.Remove(path)
	if err := h.look(root, there, nil); err != nil || h.of("aa") {
		t.Fatalf("kept, %v", err)
	}
	reading, err := openFiles(reader.Process.Pid, root)
	if err != nil || len(reading) != 1 {
		t.Fatalf("%v, %v", reading, err)
	}
	if err := h.adopt(reading, root); err != nil || !h.of("aa") {
		t.Fatalf("not kept, %v", err)
	}
	if text, err := os.ReadFile(linksOf(t, h, "aa")[0]); err != nil || string(text) != "lines\n" {
		t.Fatalf("%s %v", text, err)
	}
	logOf(t, root, "aa", "others\n")
	if err := h.look(root, there, nil); err != nil {
		t.Fatal(err)
	}
	if files, _ := h.waiting(); files != 1 || len(linksOf(t, h, "aa")) != 2 {
		t.Fatalf("%d wait", files)
	}
	now := time.Now()
	for at := range 3 {
		h.settle(nil, pipeline(9, 9), now.Add(time.Duration(at)*lookedFor))
	}
	if files, _ := h.waiting(); files != 0 {
		t.Fatal("it is kept for ever")
	}
}

func TestWhatIsRotatedAwayUnreadIsTold(t *testing.T) {
	root, h := t.TempDir(), newHeld(filepath.Join(t.TempDir(), "held"))
	there := []container{{ID: "aa", Node: "web-1"}}
	look := func(reading map[fileNumber]openFile) {
		if err := h.look(root, there, reading); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(path string) {
		_ = os.Remove(path)
		logOf(t, root, "aa", "others\n")
	}
	path := logOf(t, root, "aa", "lines\n")
	look(nil)
	// What was there before may have been read before.
	replace(path)
	look(nil)
	reading := map[fileNumber]openFile{}
	for number := range h.files {
		reading[number] = openFile{}
	}
	look(reading)
	replace(path)
	look(nil)
	if h.lost != 0 || len(h.files) != 1 {
		t.Fatalf("%d lost of %v", h.lost, h.files)
	}
	replace(path)
	look(nil)
	if h.lost != 1 || !strings.Contains(report{Lost: h.lost}.status(), "1 log files were rotated away") {
		t.Fatalf("%d lost", h.lost)
	}
}
