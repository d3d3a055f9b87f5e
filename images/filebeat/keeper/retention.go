package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	retainEvery = 10 * time.Minute
	// After a time in which Elasticsearch did not answer.
	retainAgain = 15 * time.Second
	dateLayout  = "2006.01.02"
)

// retain deletes indices whose days are over, for as long as it runs: a server without X-Pack has nothing that would, and one with it needs no other way.
func retain(ctx context.Context, changes <-chan settings) {
	var now settings
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now = <-changes:
			timer.Reset(0)
		case <-timer.C:
			if now.Retention == nil {
				continue
			}
			wait := retainEvery
			if err := now.deleteOld(ctx, time.Now()); err != nil {
				log.Printf("old indices are looked for again: %v", err)
				wait = retainAgain
			}
			timer.Reset(wait)
		}
	}
}

func (s settings) deleteOld(ctx context.Context, now time.Time) error {
	var patterns []string
	for _, each := range s.Retention.Indices {
		patterns = append(patterns, each+"-*")
	}
	text, err := s.ask(ctx, http.MethodGet, "/_cat/indices/"+strings.Join(patterns, ",")+"?h=index&format=json&expand_wildcards=all")
	if err != nil {
		return err
	}
	var there []struct {
		Index string `json:"index"`
	}
	if err := json.Unmarshal(text, &there); err != nil {
		return err
	}
	for _, each := range there {
		if !s.Retention.isOver(each.Index, now) {
			continue
		}
		if _, err := s.ask(ctx, http.MethodDelete, "/"+url.PathEscape(each.Index)); err != nil {
			return err
		}
		log.Printf("deleted the index %s, which is older than %d days", each.Index, s.Retention.Days)
	}
	return nil
}

// isOver tells whether an index is one of these, of a day that is more than `Days` before today.
func (r retention) isOver(index string, now time.Time) bool {
	for _, name := range r.Indices {
		rest, found := strings.CutPrefix(index, name+"-")
		if !found {
			continue
		}
		// Of another date, or of none: it is somebody else's.
		day, err := time.Parse(dateLayout, rest)
		if err != nil {
			continue
		}
		today := now.UTC().Truncate(24 * time.Hour)
		return today.Sub(day) > time.Duration(r.Days)*24*time.Hour
	}
	return false
}

// ask tries the servers in turn until one answers.
func (s settings) ask(ctx context.Context, method, path string) ([]byte, error) {
	err := fmt.Errorf("there is no server")
	for _, base := range s.Retention.URLs {
		var text []byte
		if text, err = s.askOne(ctx, method, base+path); err == nil {
			return text, nil
		}
	}
	return nil, err
}

func (s settings) askOne(ctx context.Context, method, address string) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	if s.Retention.User != "" {
		password, err := os.ReadFile(filepath.Join(s.folder, passwordFile))
		if err != nil {
			return nil, err
		}
		request.SetBasicAuth(s.Retention.User, strings.TrimSuffix(string(password), "\n"))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	// What is gone already needs nobody to delete it.
	if err == nil && answer.StatusCode >= 300 && answer.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("%s %s: %s", method, address, text)
	}
	return text, err
}
