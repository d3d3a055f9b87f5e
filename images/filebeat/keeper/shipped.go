package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// notes are what Filebeat has noted of files, read again only where they have changed, and not all the time: they grow to ten megabytes between two
// times that Filebeat writes them as a whole. What they told a moment ago is never too much.
type notes struct {
	data   string
	rest   time.Duration
	read   time.Time
	at     [2]stamp
	states map[fileNumber]state
}

const notesRest = 3 * time.Second

// stamp changes with a file.
type stamp struct {
	size int64
	at   time.Time
}

func (n *notes) all() (map[fileNumber]state, error) {
	if n.states != nil && time.Since(n.read) < n.rest {
		return n.states, nil
	}
	home := filepath.Join(n.data, "registry", "filebeat")
	at := [2]stamp{stampOf(filepath.Join(home, "active.dat")), stampOf(filepath.Join(home, "log.json"))}
	if n.states != nil && at == n.at {
		return n.states, nil
	}
	remembered, err := readMemory(home)
	if err != nil {
		return nil, err
	}
	states := map[fileNumber]state{}
	for _, each := range remembered.states {
		if other, known := states[each.number()]; !known || other.seen().Before(each.seen()) {
			states[each.number()] = each
		}
	}
	n.read, n.at, n.states = time.Now(), at, states
	return states, nil
}

func stampOf(path string) stamp {
	told, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{told.Size(), told.ModTime()}
}

const blockSize = 64 << 10

// lastLineEnd is where the last line of a log ends that Filebeat hands on, which is as far as it ever notes: a line that nobody ended, one of another
// stream and one that the engine did not write whole are read and not handed on.
func lastLineEnd(file *os.File, stream string) (int64, error) {
	told, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var text []byte
	for from := told.Size(); from > 0; {
		length := min(from, blockSize)
		from -= length
		block := make([]byte, length, int(length)+len(text))
		if _, err := file.ReadAt(block, from); err != nil {
			return 0, err
		}
		text = append(block, text...)
		for {
			end := bytes.LastIndexByte(text, '\n')
			begin := bytes.LastIndexByte(text[:max(end, 0)], '\n') + 1
			// It may begin in the block before.
			if end < 0 || begin == 0 && from > 0 {
				break
			}
			if isHandedOn(text[begin:end], stream) {
				return from + int64(end) + 1, nil
			}
			text = text[:begin]
		}
	}
	return 0, nil
}

func isHandedOn(line []byte, stream string) bool {
	var written struct {
		Log    string `json:"log"`
		Stream string `json:"stream"`
	}
	if json.Unmarshal(line, &written) != nil || len(written.Log) == 0 || written.Log[len(written.Log)-1] != '\n' {
		return false
	}
	return stream == "" || stream == "all" || stream == written.Stream
}
