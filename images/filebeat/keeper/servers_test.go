package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"
)

func TestAnIndexIsOverAfterItsDaysAndNoEarlier(t *testing.T) {
	r := retention{Indices: []string{"container-log", "container"}, Days: 7}
	now := time.Date(2026, 11, 28, 23, 59, 0, 0, time.FixedZone("elsewhere", 3*3600))
	for index, over := range map[string]bool{
		"container-log-2026.11.20":   true,
		"container-log-2026.11.21":   false,
		"container-log-2026.11.28":   false,
		"container-log-2026.12.31":   false,
		"container-log-archive":      false,
		"container-log-2020.01":      false,
		"container-2020.01.01":       true,
		"somebody-log-2020.01.01":    false,
		"container-log-x-2020.01.01": false,
	} {
		if r.isOver(index, now) != over {
			t.Errorf("%s: over should be %v", index, over)
		}
	}
}

func TestOldIndicesAreDeletedThroughWhicheverServerAnswers(t *testing.T) {
	var deleted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			deleted = append(deleted, r.URL.Path)
		} else {
			_, _ = io.WriteString(w, `[{"index":"a-2020.01.01"},{"index":"a-2999.01.01"},{"index":"a-2020.01.02"}]`)
		}
	}))
	defer server.Close()
	s := settings{Retention: &retention{URLs: []string{"http://127.0.0.1:1", server.URL}, Indices: []string{"a"}, Days: 1}}
	if err := s.deleteOld(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	sort.Strings(deleted)
	if strings.Join(deleted, " ") != "/a-2020.01.01 /a-2020.01.02" {
		t.Fatalf("deleted %v", deleted)
	}
}

func relayTo(t *testing.T, targets ...string) string {
	t.Helper()
	r := newRelay()
	if err := r.follow("127.0.0.1:0", targets); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.server.Close() })
	return "http://" + r.address
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

func TestTheRelayHandsOnAllButAQuestionThatIsNotKnown(t *testing.T) {
	known := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == licensePath && known:
			_, _ = io.WriteString(w, `{"license":{"status":"expired"}}`)
		case r.URL.Path == "/":
			_, _ = io.WriteString(w, "hello "+r.URL.RawQuery)
		default:
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	base := relayTo(t, "127.0.0.1:1", server.Listener.Addr().String())
	if status, text := fetch(t, base+"/?a=b"); status != 200 || text != "hello a=b" {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := fetch(t, base+licensePath); status != 200 || text != noLicense {
		t.Fatalf("%d %s", status, text)
	}
	if status, _ := fetch(t, base+"/elsewhere"); status != 400 {
		t.Fatalf("%d", status)
	}
	known = true
	if _, text := fetch(t, base+licensePath); !strings.Contains(text, "expired") {
		t.Fatal(text)
	}
}

func TestTheRelayIsAsDeafAsTheServers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if answer, err := http.Get(relayTo(t, closed.Addr().String())); err == nil {
		t.Fatalf("it answers %s", answer.Status)
	}
}
