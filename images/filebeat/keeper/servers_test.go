package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
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
	s := settings{Elasticsearch: &servers{URLs: []string{"http://127.0.0.1:1", server.URL}}, Retention: &retention{Indices: []string{"a"}, Days: 1}}
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
	r := newRelay(func(context.Context, bool) error { return nil })
	if err := r.follow(&relayed{"127.0.0.1:0", targets}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
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
	if status, text := fetch(t, base+featurePath); status != 200 || text != noFeature {
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

func TestTheRelayGoesToEachServerInTurnAndPastOneThatHangs(t *testing.T) {
	counts := map[string]int{}
	var lock sync.Mutex
	serve := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			lock.Lock()
			defer lock.Unlock()
			counts[name]++
			text, _ := io.ReadAll(r.Body)
			_, _ = w.Write(text)
		}))
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	}
	base := relayTo(t, serve("a"), "127.0.0.1:1", serve("b"))
	for range 6 {
		answer, err := http.Post(base+"/_bulk", "application/json", strings.NewReader("lines"))
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(answer.Body); string(text) != "lines" {
			t.Fatalf("%s", text)
		}
		answer.Body.Close()
	}
	if counts["a"] < 2 || counts["b"] < 2 {
		t.Fatalf("%v", counts)
	}
}

func TestWhatHasBeenSentIsNotSentToAnotherServer(t *testing.T) {
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Close()
	go func() {
		for {
			connection, err := closing.Accept()
			if err != nil {
				return
			}
			_, _ = connection.Read(make([]byte, 10))
			connection.Close()
		}
	}()
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++ }))
	defer other.Close()
	// The second is the first whose turn it is.
	base := relayTo(t, other.Listener.Addr().String(), closing.Addr().String())
	if answer, err := http.Post(base+"/_bulk", "application/json", strings.NewReader("lines")); err == nil || asked != 0 {
		t.Fatalf("%v, %d", answer, asked)
	}
	// It rests now: whoever asks again gets an answer.
	for range 3 {
		if status, _ := fetch(t, base); status != 200 {
			t.Fatalf("%d", status)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func TestNoOtherServerIsAskedBeforeAnAttemptHasEnded(t *testing.T) {
	asked := 0
	r := newRelay(nil)
	r.targets = []string{"a", "b"}
	r.transport = roundTripper(func(attempt *http.Request) (*http.Response, error) {
		asked++
		// It has failed, and reads on for a moment.
		go func() {
			time.Sleep(20 * time.Millisecond)
			_, _ = io.ReadAll(attempt.Body)
			attempt.Body.Close()
		}()
		return nil, io.ErrUnexpectedEOF
	})
	request := httptest.NewRequest(http.MethodPost, "http://elasticsearch/_bulk", strings.NewReader("lines"))
	if _, err := r.RoundTrip(request); err == nil || asked != 1 {
		t.Fatalf("%d were asked, %v", asked, err)
	}
}

func TestTheRelayListensWhereItIsToldAndNowhereElse(t *testing.T) {
	r := newRelay(func(context.Context, bool) error { return nil })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	defer server.Close()
	targets := []string{server.Listener.Addr().String()}
	if err := r.follow(&relayed{"127.0.0.1:0", targets}); err != nil {
		t.Fatal(err)
	}
	first := r.address
	// A port that is taken is tried again, and not taken for one that is listened at.
	for range 2 {
		if r.follow(&relayed{targets[0], targets}) == nil {
			t.Fatal("two listen at one port")
		}
	}
	if _, err := http.Get("http://" + first); err == nil {
		t.Fatal("the former address still answers")
	}
	if err := r.follow(&relayed{"127.0.0.1:0", targets}); err != nil {
		t.Fatal(err)
	}
	second := r.address
	if status, _ := fetch(t, "http://"+second); status != 200 {
		t.Fatal(status)
	}
	if err := r.follow(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + second); err == nil {
		t.Fatal("it still answers though there is nothing to lead to")
	}
}
