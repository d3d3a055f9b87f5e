package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// remembered writes what Filebeat would have noted of a file, at a moment.
func remembered(id int, file string, at time.Time, t *testing.T) string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	of := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("{\"op\":\"set\",\"id\":%d}\n{\"k\":\"filebeat::logs::native::%d-%d\",\"v\":{\"source\":%q,\"offset\":7,\"timestamp\":[1,%d],\"FileStateOS\":{\"inode\":%d,\"device\":%d}}}\n",
		id, of.Ino, of.Dev, file, at.Unix(), of.Ino, of.Dev)
}

func registryOf(t *testing.T, log string) (string, string) {
	t.Helper()
	data := t.TempDir()
	home := filepath.Join(data, "registry", "filebeat")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "log.json")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	return data, path
}

func logFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.log")
	if err := os.WriteFile(file, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFileThatWasMadeAfterItsNumberWasLastHeardOfIsForgotten(t *testing.T) {
	file := logFile(t)
	data, path := registryOf(t, remembered(1, file, time.Now().Add(-time.Hour), t))
	forgotten, err := forgetReborn(data, []string{file})
	if err != nil || forgotten != 1 {
		t.Fatalf("%d forgotten, %v", forgotten, err)
	}
	text, _ := os.ReadFile(path)
	if !strings.Contains(string(text), "{\"op\":\"remove\",\"id\":2}\n{\"k\":\"filebeat::logs::native::") {
		t.Fatalf("not removed:\n%s", text)
	}
	after, err := readMemory(filepath.Dir(path))
	if err != nil || len(after.states) != 0 || after.last != 2 {
		t.Fatalf("%+v, %v", after, err)
	}
	if again, err := forgetReborn(data, []string{file}); again != 0 || err != nil {
		t.Fatalf("%d forgotten again, %v", again, err)
	}
}

func TestAFileThatHasBeenReadSinceIsNot(t *testing.T) {
	file := logFile(t)
	log := remembered(1, file, time.Now().Add(time.Minute), t)
	data, path := registryOf(t, log)
	if forgotten, err := forgetReborn(data, []string{file}); forgotten != 0 || err != nil {
		t.Fatalf("%d forgotten, %v", forgotten, err)
	}
	if text, _ := os.ReadFile(path); string(text) != log {
		t.Fatalf("changed:\n%s", text)
	}
}

func TestWhatAKillCutOffIsLeftOut(t *testing.T) {
	file := logFile(t)
	log := remembered(1, file, time.Now().Add(-time.Hour), t)
	data, path := registryOf(t, log+"{\"op\":\"set\",\"id\":2}\n{\"k\":\"filebeat::lo")
	if forgotten, err := forgetReborn(data, []string{file}); forgotten != 1 || err != nil {
		t.Fatalf("%d forgotten, %v", forgotten, err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), log+"{\"op\":\"remove\",\"id\":2}\n") {
		t.Fatalf("not behind what was whole:\n%s", text)
	}
}

func TestACheckpointIsReadBeforeTheChanges(t *testing.T) {
	file := logFile(t)
	log := remembered(7, file, time.Now().Add(time.Minute), t)
	data, path := registryOf(t, log)
	home := filepath.Dir(path)
	entry := "[{\"_key\":\"old\",\"source\":\"/x\",\"timestamp\":[1,2],\"FileStateOS\":{\"inode\":1,\"device\":2}}]"
	for name, text := range map[string]string{"6.json": entry, "active.dat": filepath.Join(home, "6.json")} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := readMemory(home)
	if err != nil || len(m.states) != 2 || m.last != 7 {
		t.Fatalf("%+v, %v", m, err)
	}
	if forgotten, err := forgetReborn(data, nil); forgotten != 0 || err != nil {
		t.Fatalf("%d, %v", forgotten, err)
	}
}

func TestANumberThatIsGivenAgainIsSuspectedUntilItIsSeenTo(t *testing.T) {
	var s suspicion
	number, now := [2]uint64{1, 2}, time.Now()
	one, other := map[[2]uint64]time.Time{number: now}, map[[2]uint64]time.Time{number: now.Add(time.Second)}
	for at, look := range []struct {
		born  map[[2]uint64]time.Time
		after time.Duration
		due   bool
		seen  bool
	}{
		{one, 0, false, false}, {one, 9, false, false},
		// Not there for a while, and then another; it is due until somebody has seen to it.
		{nil, 10, false, false}, {other, 11, false, false}, {other, 15, false, false}, {other, 16, true, false}, {other, 17, true, true}, {other, 30, false, false},
	} {
		if due := s.after(look.born, now.Add(look.after*time.Second)); due != look.due {
			t.Fatalf("look %d: due %v", at, due)
		}
		if look.seen {
			s.seen()
		}
	}
}
