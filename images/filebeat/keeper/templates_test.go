package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// indexServer has templates, and refuses those of which it is told.
type indexServer struct {
	puts    map[string]int
	there   map[string]string
	refused string
	status  int
}

func (s *indexServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, of := strings.CutPrefix(r.URL.Path, "/_index_template/")
	switch {
	case !of:
		_, _ = io.WriteString(w, "hello")
	case r.Method == http.MethodGet && s.there[name] == "":
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
	case name == s.refused:
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, "index template has patterns of another")
	default:
		text, _ := io.ReadAll(r.Body)
		s.puts[name]++
		s.there[name] = string(text)
	}
}

func templatesOn(t *testing.T, server *indexServer, text string) *templates {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, templatesFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	var all templates
	if err := all.follow(settings{Elasticsearch: &servers{URLs: []string{listening.URL}}, folder: folder}); err != nil {
		t.Fatal(err)
	}
	return &all
}

func TestTemplatesArePutOnceAndAgainWhereTheyAreGone(t *testing.T) {
	server := &indexServer{puts: map[string]int{}, there: map[string]string{}}
	all := templatesOn(t, server, `{"dockyard-a":{"priority":501},"dockyard-b":{}}`)
	ctx := context.Background()
	if words, _ := all.told(); words == "" {
		t.Fatal("they are not there yet")
	}
	for _, each := range []func(context.Context) error{all.ensure, all.ensure, all.renew} {
		if err := each(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if words, _ := all.told(); words != "" || server.puts["dockyard-a"] != 1 || server.there["dockyard-a"] != `{"priority":501}` {
		t.Fatalf("%s %v %v", words, server.puts, server.there)
	}
	delete(server.there, "dockyard-b")
	if err := all.renew(ctx); err != nil || server.puts["dockyard-b"] != 2 || server.puts["dockyard-a"] != 1 {
		t.Fatalf("%v %v", server.puts, err)
	}
}

func TestTemplatesThatWereNotRenewedAreTriedAgain(t *testing.T) {
	server := &indexServer{puts: map[string]int{}, there: map[string]string{}}
	all := templatesOn(t, server, `{"dockyard-a":{}}`)
	ctx := context.Background()
	if err := all.ensure(ctx); err != nil {
		t.Fatal(err)
	}
	// Who asked has gone.
	gone, leave := context.WithCancel(ctx)
	leave()
	if err := all.renew(gone); err == nil {
		t.Fatal("renewed for nobody")
	}
	if words, _ := all.told(); words != "" {
		t.Fatal(words)
	}
	delete(server.there, "dockyard-a")
	server.refused, server.status = "dockyard-a", http.StatusServiceUnavailable
	if err := all.renew(ctx); err == nil {
		t.Fatal("not refused")
	}
	server.refused = ""
	if words, _ := all.told(); words == "" {
		t.Fatal("it is gone, and nobody tells")
	}
	if err := all.ensure(ctx); err != nil || server.there["dockyard-a"] == "" {
		t.Fatalf("not put again: %v", err)
	}
	if words, _ := all.told(); words != "" {
		t.Fatal(words)
	}
}

func TestATemplateThatIsRefusedIsToldAndHoldsEverythingBack(t *testing.T) {
	server := &indexServer{puts: map[string]int{}, there: map[string]string{}, refused: "dockyard-a", status: http.StatusBadRequest}
	all := templatesOn(t, server, `{"dockyard-a":{}}`)
	r := newRelay(func(ctx context.Context, connects bool) error { return all.ensure(ctx) })
	if err := r.follow(&relayed{"127.0.0.1:0", []string{strings.TrimPrefix(all.now.settings.Elasticsearch.URLs[0], "http://")}}); err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if status, text := fetch(t, "http://"+r.address+"/"); status != 400 || !strings.Contains(text, "patterns of another") {
		t.Fatalf("%d %s", status, text)
	}
	if words, refused := all.told(); !refused || !strings.Contains(words, "patterns of another") {
		t.Fatalf("%s, %v", words, refused)
	}
	for _, server.status = range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		_ = all.ensure(context.Background())
		if _, refused := all.told(); refused {
			t.Fatal("a server that forms or has too much to do refuses nothing")
		}
	}
	server.refused = ""
	if status, text := fetch(t, "http://"+r.address+"/"); status != 200 || text != "hello" {
		t.Fatalf("%d %s", status, text)
	}
}
