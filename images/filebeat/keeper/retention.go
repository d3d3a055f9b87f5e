package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	retainEvery = 10 * time.Minute
	// After a time in which Elasticsearch did not answer.
	retainAgain = 15 * time.Second
	putAgain    = 3 * time.Second
	dateLayout  = "2006.01.02"
)

// keepIndices puts the indices' templates, and deletes indices whose days are over, for as long as it runs: a server without X-Pack has nothing that
// would, and one with it needs no other way.
func keepIndices(ctx context.Context, t *templates, changes <-chan settings) {
	var now settings
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now = <-changes:
			timer.Reset(0)
		case <-timer.C:
			timer.Reset(now.careForIndices(ctx, t))
		}
	}
}

// careForIndices returns when it is time again.
func (s settings) careForIndices(ctx context.Context, t *templates) time.Duration {
	if err := t.ensure(ctx); err != nil {
		log.Printf("index templates are put again: %v", err)
		return putAgain
	}
	if s.Retention == nil {
		return retainEvery
	}
	if err := s.deleteOld(ctx, time.Now()); err != nil {
		log.Printf("old indices are looked for again: %v", err)
		return retainAgain
	}
	return retainEvery
}

func (s settings) deleteOld(ctx context.Context, now time.Time) error {
	var patterns []string
	for _, each := range s.Retention.Indices {
		patterns = append(patterns, each+"-*")
	}
	text, err := s.ask(ctx, http.MethodGet, "/_cat/indices/"+strings.Join(patterns, ",")+"?h=index&format=json&expand_wildcards=all", nil)
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
		_, err := s.ask(ctx, http.MethodDelete, "/"+url.PathEscape(each.Index), nil)
		// What is gone already needs nobody to delete it.
		if said := (statusError{}); err != nil && !(errors.As(err, &said) && said.status == http.StatusNotFound) {
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
