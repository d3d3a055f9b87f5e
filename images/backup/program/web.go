package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// web asks the nodes of a cluster over HTTP, one after the other until one answers.
type web struct {
	system   string
	nodes    []string
	user     string
	password string
	client   http.Client
}

// longestSilence is how long a node may take to begin its answer: that of a snapshot comes when it is done.
const longestSilence = 30 * time.Minute

// newWeb asks without a login where the user is empty.
func newWeb(system string, nodes []string, user, password string) *web {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = longestSilence
	return &web{system, nodes, user, password, http.Client{Transport: transport}}
}

// refusal is an answer that says no.
type refusal struct {
	system string
	status int
	text   string
}

func (r refusal) Error() string { return fmt.Sprintf("%s: %d %s", r.system, r.status, r.text) }

// longestWords is what is kept of an answer that says no, in bytes.
const longestWords = 600

// send makes one request; the caller closes the answer.
func (w *web) send(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
	var seen []error
	for _, node := range w.nodes {
		request, err := http.NewRequestWithContext(ctx, method, node+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if len(body) > 0 {
			request.Header.Set("Content-Type", "application/json")
		}
		if w.user != "" {
			request.SetBasicAuth(w.user, w.password)
		}
		answer, err := w.client.Do(request)
		if err != nil {
			seen = append(seen, err)
			continue
		}
		if answer.StatusCode < 300 {
			return answer.Body, nil
		}
		text, _ := io.ReadAll(io.LimitReader(answer.Body, longestWords))
		answer.Body.Close()
		said := refusal{w.system, answer.StatusCode, strings.TrimSpace(string(text))}
		// One that has no leader, or is about to stop, says so; another one may be better off.
		if answer.StatusCode < 500 {
			return nil, said
		}
		seen = append(seen, said)
	}
	return nil, fmt.Errorf("%s does not answer: %w", w.system, errors.Join(seen...))
}

// ask makes a request and reads the answer, which is JSON, into a value where one is given.
func (w *web) ask(ctx context.Context, method, path string, body any, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	answer, err := w.send(ctx, method, path, text)
	if err != nil {
		return err
	}
	defer answer.Close()
	if into == nil {
		_, err := io.Copy(io.Discard, answer)
		return err
	}
	return json.NewDecoder(answer).Decode(into)
}

// absent tells whether an answer says that there is no such thing.
func absent(err error) bool {
	var said refusal
	return errors.As(err, &said) && said.status == http.StatusNotFound
}
