package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering is a node that answers each request for changes by a function of its turn and its lines.
func answering(t *testing.T, answer func(turn int, lines []string) (int, string)) *Elastic {
	t.Helper()
	turn := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		status, text := answer(turn, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n"))
		turn++
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	elastic, err := newElastic([]string{server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return elastic
}

func items(t *testing.T, each ...string) string {
	t.Helper()
	return fmt.Sprintf(`{"items":[%s]}`, strings.Join(each, ","))
}

const (
	done    = `{"index":{"status":200}}`
	busy    = `{"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}`
	refused = `{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse"}}}`
)

func changes(ids ...string) []operation {
	var all []operation
	for at, id := range ids {
		all = append(all, operation{table: "a.b", index: "i", id: id, version: int64(at + 1), document: []byte(`{}`)})
	}
	return all
}

func write(t *testing.T, elastic *Elastic, operations []operation) ([]refusal, error) {
	t.Helper()
	return elastic.write(context.Background(), operations, func(error) {})
}

func TestOnlyWhatWasNotTakenIsSentAgain(t *testing.T) {
	var second []string
	elastic := answering(t, func(turn int, lines []string) (int, string) {
		if turn == 0 {
			return 200, items(t, done, busy, refused)
		}
		second = lines
		return 200, items(t, done)
	})
	no, err := write(t, elastic, changes("1", "2", "3"))
	if err != nil || len(no) != 1 || no[0].id != "3" || !strings.Contains(no[0].why, "failed to parse") {
		t.Fatalf("got %v, %v", no, err)
	}
	if len(second) != 2 || !strings.Contains(second[0], `"_id":"2"`) {
		t.Errorf("sent again: %v", second)
	}
}

func TestAnAnswerThatLacksSomeIsNone(t *testing.T) {
	elastic := answering(t, func(turn int, _ []string) (int, string) {
		if turn == 0 {
			return 200, items(t, done)
		}
		return 200, items(t, done, done)
	})
	if _, err := write(t, elastic, changes("1", "2")); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsTooLargeIsHalved(t *testing.T) {
	var sizes []int
	elastic := answering(t, func(_ int, lines []string) (int, string) {
		sizes = append(sizes, len(lines)/2)
		if len(lines) > 2 {
			return 413, ""
		}
		if strings.Contains(lines[0], `"_id":"3"`) {
			return 413, ""
		}
		return 200, items(t, done)
	})
	no, err := write(t, elastic, changes("1", "2", "3"))
	if err != nil || len(no) != 1 || no[0].id != "3" {
		t.Fatalf("got %v, %v after %v", no, err, sizes)
	}
}

func TestAnIndexThatIsGoneAndANewerDocumentEndTheRun(t *testing.T) {
	for status, want := range map[int]error{404: errIndexGone, 409: errNewer} {
		elastic := answering(t, func(int, []string) (int, string) {
			return 200, items(t, fmt.Sprintf(`{"index":{"status":%d,"error":{"type":"x","reason":"y"}}}`, status))
		})
		if _, err := write(t, elastic, changes("1")); !errors.Is(err, want) {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestADocumentThatIsGoneAlreadyMayGo(t *testing.T) {
	elastic := answering(t, func(_ int, lines []string) (int, string) {
		var head map[string]map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &head); err != nil || head["delete"]["version_type"] != "external_gte" || len(lines) != 1 {
			t.Errorf("sent %v", lines)
		}
		return 200, items(t, `{"delete":{"status":404}}`)
	})
	if no, err := write(t, elastic, []operation{{index: "i", id: "1", version: 1}}); err != nil || len(no) != 0 {
		t.Errorf("got %v, %v", no, err)
	}
}

func TestABatchHasTheLastOfEachDocument(t *testing.T) {
	var is batch
	for _, one := range []operation{
		{index: "i", id: "1", version: 1, document: []byte("a")}, {index: "i", id: "2", version: 2, document: []byte("b")},
		{index: "i", id: "1", version: 3}, {index: "j", id: "1", version: 4, document: []byte("c")},
	} {
		is.add(one)
	}
	if len(is.operations) != 3 || is.operations[0].document != nil || is.operations[0].version != 3 {
		t.Errorf("got %+v", is.operations)
	}
}
