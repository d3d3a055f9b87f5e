package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestALogEndsWithTheLastLineThatIsHandedOn(t *testing.T) {
	good, long := line("good\n", "stdout"), line(strings.Repeat("x", 2*blockSize)+"\n", "stdout")
	for name, each := range map[string]struct{ text, stream, handedOn string }{
		"nothing":                 {"", "all", ""},
		"lines":                   {good + good, "all", good + good},
		"one that nobody ended":   {good + line("bye", "stdout"), "all", good},
		"parts of a long one":     {good + line("a", "stdout") + line("b\n", "stdout"), "all", good + line("a", "stdout") + line("b\n", "stdout")},
		"one of another stream":   {good + line("oops\n", "stderr"), "stdout", good},
		"one of either":           {good + line("oops\n", "stderr"), "all", good + line("oops\n", "stderr")},
		"one that was cut off":    {good + `{"log":"ba`, "all", good},
		"one that is none":        {good + "{\x00\x00}\n", "all", good},
		"others alone":            {strings.Repeat(line("oops\n", "stderr"), 3000), "stdout", ""},
		"one over several blocks": {good + long, "all", good + long},
		"many others":             {long + strings.Repeat(line("oops\n", "stderr"), 3000), "stdout", long},
		"a long one not ended":    {good + strings.TrimSuffix(long, "\n"), "all", good},
	} {
		file, err := os.Open(logOf(t, t.TempDir(), "aa", each.text))
		if err != nil {
			t.Fatal(err)
		}
		if end, err := lastLineEnd(file, each.stream); err != nil || end != int64(len(each.handedOn)) {
			t.Errorf("%s: %d and not %d, %v", name, end, len(each.handedOn), err)
		}
		file.Close()
	}
}

func TestWhatFilebeatHasNotedIsReadAgainWhereItHasChanged(t *testing.T) {
	file := logFile(t)
	data, path := registryOf(t, remembered(1, file, time.Now(), t))
	n := notes{data: data}
	offset := func() int64 {
		states, err := n.all()
		if err != nil || len(states) != 1 {
			t.Fatalf("%v, %v", states, err)
		}
		for _, each := range states {
			return each.Offset
		}
		return -1
	}
	if offset() != 7 {
		t.Fatal(offset())
	}
	more := strings.Replace(remembered(2, file, time.Now(), t), `"offset":7`, `"offset":42`, 1)
	text, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	n.rest = time.Hour
	if offset() != 7 {
		t.Fatal("read again at once")
	}
	n.rest = 0
	if offset() != 42 {
		t.Fatal(offset())
	}
}
