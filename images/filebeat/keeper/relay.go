package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Filebeat, Logstash and Kibana of version 7.17 write to a server only after it has told of its licence, and a server without X-Pack knows of none.
// The relay is the way to the servers: it hands everything on as it is, and where a server does not know the question, it answers that nothing
// has run out.
type relay struct {
	targets atomic.Pointer[[]string]
	turn    atomic.Uint64
	proxy   *httputil.ReverseProxy
	server  *http.Server
	listen  string
	address string // where it listens indeed
}

const (
	licensePath = "/_license"
	noLicense   = `{"license":{"uid":"00000000-0000-0000-0000-000000000000","type":"basic","mode":"basic","status":"active"}}`
)

func newRelay() *relay {
	r := &relay{}
	transport := &http.Transport{DialContext: r.dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, DisableCompression: true}
	r.proxy = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(&url.URL{Scheme: "http", Host: "elasticsearch"})
			request.Out.Host = request.In.Host
		},
		ModifyResponse: answerLicense,
		ErrorLog:       log.New(io.Discard, "", 0),
		// As if nobody listened: who asks knows best how to try again.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return r
}

// dial connects to the servers in turn, until one takes it.
func (r *relay) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	targets := *r.targets.Load()
	first := r.turn.Add(1)
	dialer := net.Dialer{Timeout: 3 * time.Second}
	var err error = io.ErrUnexpectedEOF
	for at := range targets {
		var connection net.Conn
		if connection, err = dialer.DialContext(ctx, network, targets[(first+uint64(at))%uint64(len(targets))]); err == nil {
			return connection, nil
		}
	}
	return nil, err
}

func answerLicense(answer *http.Response) error {
	unknown := answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed
	if answer.Request.URL.Path != licensePath || !unknown {
		return nil
	}
	answer.Body.Close()
	answer.StatusCode, answer.Status = http.StatusOK, ""
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader([]byte(noLicense))), int64(len(noLicense))
	answer.Header.Del("Content-Encoding")
	answer.Header.Del("Content-Length")
	return nil
}

// follow goes to these servers from now on, and listens at an address.
func (r *relay) follow(listen string, targets []string) error {
	r.targets.Store(&targets)
	if listen == r.listen {
		return nil
	}
	if r.server != nil {
		_ = r.server.Close()
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	r.listen, r.address = listen, listener.Addr().String()
	r.server = &http.Server{Handler: r.proxy, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func(server *http.Server) { _ = server.Serve(listener) }(r.server)
	return nil
}
