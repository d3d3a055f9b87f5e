package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// statusError is an answer of Elasticsearch that says no, in its own words.
type statusError struct {
	status int
	said   string
}

func (e statusError) Error() string { return e.said }

// refuses tells a no that stays one from that of a server which forms, or has too much to do.
func (e statusError) refuses() bool {
	return e.status < http.StatusInternalServerError && e.status != http.StatusTooManyRequests
}

// ask tries the servers in turn until one answers; one that says no has answered.
func (s settings) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	err := fmt.Errorf("there is no server")
	for _, base := range s.Elasticsearch.URLs {
		var text []byte
		text, err = s.askOne(ctx, method, base+path, body)
		if said, no := err.(statusError); err == nil || no && said.refuses() {
			return text, err
		}
	}
	return nil, err
}

func (s settings) askOne(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if s.Elasticsearch.User != "" {
		password, err := os.ReadFile(filepath.Join(s.folder, passwordFile))
		if err != nil {
			return nil, err
		}
		request.SetBasicAuth(s.Elasticsearch.User, strings.TrimSuffix(string(password), "\n"))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = statusError{answer.StatusCode, fmt.Sprintf("%s %s: %d %s", method, address, answer.StatusCode, bytes.TrimSpace(text))}
	}
	return text, err
}
