package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Filebeat, Logstash and Kibana of version 7.17 write to a server only after it has told of its licence, and a server without X-Pack knows of none.
// The relay is the way to the servers: it hands everything on as it is, and where a server does not know the question, it answers that nothing
// has run out, and that none of the licensed features is there.
type relay struct {
	transport http.RoundTripper
	// Called before anything goes through; `connects` tells of a client that has just connected.
	before func(ctx context.Context, connects bool) error

	lock    sync.Mutex
	targets []string
	turn    int
	resting map[string]time.Time

	server  *http.Server
	listen  string
	address string // where it listens indeed
}

const (
	licensePath = "/_license"
	featurePath = "/_xpack"

	noLicense = `{"license":{"uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic","status":"active"}}`
	noFeature = `{"build":{},"license":{"uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic","status":"active"},"features":{},"tagline":"You know, for X"}`

	// A server that did not answer is asked last for so long.
	restTime = 10 * time.Second
	// A request that writes takes seconds where the disk is slow; who hears nothing for longer has hung.
	answerTime = 60 * time.Second
)

func newRelay(before func(ctx context.Context, connects bool) error) *relay {
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	return &relay{
		before:  before,
		resting: map[string]time.Time{},
		transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: answerTime, DisableCompression: true,
		},
	}
}

func (r *relay) handler() http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport: r,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(&url.URL{Scheme: "http", Host: "elasticsearch"})
			request.Out.Host = request.In.Host
		},
		ModifyResponse: answerUnknown,
		ErrorLog:       log.New(io.Discard, "", 0),
		// As if nobody listened: who asks knows best how to try again.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		err := r.before(request.Context(), request.URL.Path == licensePath)
		if said := (statusError{}); errors.As(err, &said) {
			http.Error(w, said.said, said.status)
		} else if err != nil {
			panic(http.ErrAbortHandler)
		} else {
			proxy.ServeHTTP(w, request)
		}
	})
}

// RoundTrip asks the servers in turn, each request the next one, until one takes it. What has been sent once is not sent to another: whoever asked
// does that.
func (r *relay) RoundTrip(request *http.Request) (*http.Response, error) {
	err := error(io.ErrUnexpectedEOF)
	for _, target := range r.order(time.Now()) {
		attempt := request.Clone(request.Context())
		attempt.URL.Host = target
		var sent *attempted
		if request.Body != nil && request.Body != http.NoBody {
			sent = &attempted{Reader: request.Body, ended: make(chan struct{})}
			attempt.Body = sent
		}
		var answer *http.Response
		if answer, err = r.transport.RoundTrip(attempt); err == nil {
			return answer, nil
		}
		if request.Context().Err() != nil {
			return nil, err
		}
		r.rest(target, time.Now().Add(restTime))
		if sent != nil && sent.begun(request.Context()) {
			return nil, err
		}
	}
	return nil, err
}

// attempted is the body of a request on its way to one server. Whoever has the body closes it, and not an attempt.
type attempted struct {
	io.Reader
	read  atomic.Bool
	once  sync.Once
	ended chan struct{}
}

func (a *attempted) Read(into []byte) (int, error) {
	a.read.Store(true)
	return a.Reader.Read(into)
}

func (a *attempted) Close() error {
	a.once.Do(func() { close(a.ended) })
	return nil
}

// begun tells whether any of it was read by an attempt that has failed: which may go on reading until it closes it.
func (a *attempted) begun(ctx context.Context) bool {
	select {
	case <-a.ended:
		return a.read.Load()
	case <-ctx.Done():
		return true
	}
}

// order is that of the servers for one request: those that rest come last.
func (r *relay) order(now time.Time) []string {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.turn++
	var first, last []string
	for at := range r.targets {
		target := r.targets[(r.turn+at)%len(r.targets)]
		if now.Before(r.resting[target]) {
			last = append(last, target)
		} else {
			first = append(first, target)
		}
	}
	return append(first, last...)
}

func (r *relay) rest(target string, until time.Time) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.resting[target] = until
}

func answerUnknown(answer *http.Response) error {
	text := map[string]string{licensePath: noLicense, featurePath: noFeature}[answer.Request.URL.Path]
	unknown := answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed
	if text == "" || !unknown {
		return nil
	}
	answer.Body.Close()
	answer.StatusCode, answer.Status = http.StatusOK, ""
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
	answer.Header.Set("Content-Type", "application/json")
	answer.Header.Del("Content-Encoding")
	answer.Header.Del("Content-Length")
	return nil
}

// follow goes to these servers from now on, and listens at an address; at none where there are no servers.
func (r *relay) follow(to *relayed) error {
	if to == nil {
		r.close()
		return nil
	}
	r.lock.Lock()
	r.targets = to.Targets
	r.lock.Unlock()
	if to.Listen == r.listen {
		return nil
	}
	r.close()
	listener, err := net.Listen("tcp", to.Listen)
	if err != nil {
		return err
	}
	r.listen, r.address = to.Listen, listener.Addr().String()
	r.server = &http.Server{Handler: r.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func(server *http.Server) { _ = server.Serve(listener) }(r.server)
	return nil
}

func (r *relay) close() {
	if r.server != nil {
		_ = r.server.Close()
	}
	r.server, r.listen, r.address = nil, "", ""
}
