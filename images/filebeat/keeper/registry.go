package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Filebeat knows a file by the number that the file system gave it. A number is given again once its file is gone, and a file that was made while
// Filebeat was away would be taken for the one before it: read from where that one ended. What tells them apart is when a file was made: nobody
// can have read a file before that.

// state is what Filebeat remembers of a file, as far as it is used.
type state struct {
	Source string `json:"source"`
	// How much of it the output has taken.
	Offset int64 `json:"offset"`
	FileID struct {
		Inode  uint64 `json:"inode"`
		Device uint64 `json:"device"`
	} `json:"FileStateOS"`
	// Nanoseconds, with the time zone in the upper half; seconds.
	Timestamp [2]int64 `json:"timestamp"`
}

// seen is when Filebeat last noted something of the file.
func (s state) seen() time.Time { return time.Unix(s.Timestamp[1], int64(uint32(s.Timestamp[0]))) }

func (s state) number() fileNumber { return fileNumber{s.FileID.Device, s.FileID.Inode} }

type memory struct {
	states map[string]state
	last   uint64 // number of the last change
	whole  int64  // length of what was written whole
}

// forgetReborn has Filebeat, which must not run, forget files that were made after it last heard of their number.
func forgetReborn(data string, globs []string) (int, error) {
	stale, remembered, err := staleStates(data, globs)
	if err != nil || len(stale) == 0 {
		return 0, err
	}
	var changes strings.Builder
	for at, key := range stale {
		fmt.Fprintf(&changes, "{\"op\":\"remove\",\"id\":%d}\n{\"k\":%s}\n", remembered.last+uint64(at)+1, strconv.Quote(key))
	}
	return len(stale), appendChanges(filepath.Join(data, "registry", "filebeat", "log.json"), remembered.whole, changes.String())
}

// staleStates are the keys of what Filebeat remembers of other files than those that are there.
func staleStates(data string, globs []string) ([]string, memory, error) {
	home := filepath.Join(data, "registry", "filebeat")
	if _, err := os.Stat(home); os.IsNotExist(err) {
		return nil, memory{}, nil
	}
	remembered, err := readMemory(home)
	if err != nil {
		return nil, memory{}, err
	}
	born, err := birthTimes(globs)
	if err != nil {
		return nil, memory{}, err
	}
	var stale []string
	for key, each := range remembered.states {
		made, there := born[[2]uint64{each.FileID.Device, each.FileID.Inode}]
		if there && made.Unix() > each.Timestamp[1] {
			stale = append(stale, key)
		}
	}
	return stale, remembered, nil
}

// suspicion is that a number has been given again.
type suspicion struct {
	born  map[[2]uint64]time.Time
	since time.Time
}

// Filebeat looks once a second, and notes what it saw.
const noticed = 5 * time.Second

// after tells, some seconds after a number came to be of another file, that it is time to see whether Filebeat has noticed.
func (s *suspicion) after(born map[[2]uint64]time.Time, now time.Time) bool {
	for number, made := range born {
		if before, known := s.born[number]; known && !before.Equal(made) && s.since.IsZero() {
			s.since = now
		}
	}
	if s.born == nil || len(s.born) > 100_000 {
		s.born = map[[2]uint64]time.Time{}
	}
	for number, made := range born {
		s.born[number] = made
	}
	return !s.since.IsZero() && now.Sub(s.since) >= noticed
}

// seen tells that it has been seen to: until then it is time.
func (s *suspicion) seen() { s.since = time.Time{} }

// readMemory reads what Filebeat last wrote as a whole, and the changes since; the last of which may have been cut off by a kill.
func readMemory(home string) (memory, error) {
	m := memory{states: map[string]state{}}
	if err := m.readCheckpoint(home); err != nil {
		return m, err
	}
	text, err := os.ReadFile(filepath.Join(home, "log.json"))
	if err != nil && !os.IsNotExist(err) {
		return m, err
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for at := 0; at+1 < len(lines); at += 2 {
		var action struct {
			Op string `json:"op"`
			ID uint64 `json:"id"`
		}
		var change struct {
			K string          `json:"k"`
			V json.RawMessage `json:"v"`
		}
		if json.Unmarshal(lines[at], &action) != nil || json.Unmarshal(lines[at+1], &change) != nil || !bytes.HasSuffix(lines[at+1], []byte("\n")) {
			break
		}
		m.whole += int64(len(lines[at]) + len(lines[at+1]))
		if action.ID <= m.last {
			continue
		}
		m.last = action.ID
		if action.Op == "remove" {
			delete(m.states, change.K)
		} else if err := m.set(change.K, change.V); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *memory) readCheckpoint(home string) error {
	active, err := os.ReadFile(filepath.Join(home, "active.dat"))
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	name := filepath.Base(string(active))
	if m.last, err = strconv.ParseUint(strings.TrimSuffix(name, ".json"), 10, 64); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(home, name))
	if err != nil {
		return err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(text, &entries); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, entry := range entries {
		var keyed struct {
			Key string `json:"_key"`
		}
		if err := json.Unmarshal(entry, &keyed); err != nil {
			return err
		}
		if err := m.set(keyed.Key, entry); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) set(key string, text []byte) error {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	m.states[key] = s
	return nil
}

// birthTimes are the moments at which files were made, by their device and number; a file system that does not note it has none.
func birthTimes(globs []string) (map[[2]uint64]time.Time, error) {
	born := map[[2]uint64]time.Time{}
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			// One that goes meanwhile is nobody's.
			if made, number, noted := bornAt(unix.AT_FDCWD, file, 0); noted {
				born[number] = made
			}
		}
	}
	return born, nil
}

// birthTime is when an open file was made.
func birthTime(descriptor uintptr) (time.Time, bool) {
	made, _, noted := bornAt(int(descriptor), "", unix.AT_EMPTY_PATH)
	return made, noted
}

func bornAt(folder int, path string, flags int) (made time.Time, number [2]uint64, noted bool) {
	var told unix.Statx_t
	if unix.Statx(folder, path, flags, unix.STATX_BTIME|unix.STATX_INO, &told) != nil || told.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, number, false
	}
	return time.Unix(told.Btime.Sec, int64(told.Btime.Nsec)), [2]uint64{unix.Mkdev(told.Dev_major, told.Dev_minor), told.Ino}, true
}

func appendChanges(path string, whole int64, changes string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(whole); err != nil {
		return err
	}
	if _, err := file.WriteAt([]byte(changes), whole); err != nil {
		return err
	}
	return file.Sync()
}
