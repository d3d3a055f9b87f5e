package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// States of a table.
const (
	// tableDue says that all of its rows are to be read.
	tableDue = "due"
	// tableFollowed says that its documents follow its rows.
	tableFollowed = "followed"
	// tableStopped says that its rows are not carried any more, and why.
	tableStopped = "stopped"
)

// TableState is what is known of a table that is carried.
type TableState struct {
	Index  string `json:"index"`
	Prefix string `json:"prefix"`
	// Left are places of earlier documents, which go when the table has been read.
	Left []place `json:"left,omitempty"`
	// Rule is a digest of how it is carried: documents of another one are made anew.
	Rule  string `json:"rule"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
	// LoadSeconds is how long it took to read all of its rows.
	LoadSeconds float64 `json:"loadSeconds,omitempty"`
}

// place is where a table's documents are: those of an index whose ids begin with a prefix.
type place struct {
	Index  string `json:"index"`
	Prefix string `json:"prefix"`
}

// position is how far the documents follow the source. It is kept in Elasticsearch beside what it tells of, so that both are lost together.
type position struct {
	// Claim is the run that writes; another run has taken its place where it finds another one.
	Claim string `json:"claim"`
	// Version is one that no document had yet.
	Version int64 `json:"version"`
	// GTID are the transactions that are in the documents, and Server is the one that they were read from.
	GTID   string `json:"gtid"`
	Server string `json:"server"`
	// Clean says that nothing beyond them is in the documents: the run ended in order.
	Clean   bool                   `json:"clean"`
	Indices map[string]string      `json:"indices"`
	Tables  map[string]*TableState `json:"tables"`
}

// positionStore keeps the position in an index of its own.
type positionStore struct {
	elastic *Elastic
	index   string
	claim   string
	term    int64
	number  int64
}

// errReplaced says that another run of the same sync has begun.
var errReplaced = errors.New("another run of this sync has begun; it goes on in place of this one")

type storedPosition struct {
	Number int64    `json:"_seq_no"`
	Term   int64    `json:"_primary_term"`
	Source position `json:"_source"`
}

// versionGap is more than the versions that a run gives out between two times that it stores them.
const versionGap = 1 << 32

// take reads what the last run left behind, and tells it that this one has begun.
func (s *positionStore) take(ctx context.Context) (position, error) {
	settings := map[string]any{
		"settings": map[string]any{"index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"},
		// It is read whole and never searched.
		"mappings": map[string]any{"enabled": false},
	}
	err := s.elastic.callJSON(ctx, http.MethodPut, "/"+s.index, settings, nil)
	if err != nil && !isStatus(err, http.StatusBadRequest) {
		return position{}, err
	}
	var stored storedPosition
	err = s.elastic.call(ctx, http.MethodGet, s.path(), nil, &stored)
	found := stored.Source
	query := fmt.Sprintf("if_seq_no=%d&if_primary_term=%d", stored.Number, stored.Term)
	if isStatus(err, http.StatusNotFound) {
		query, err = "op_type=create", nil
	}
	if err != nil {
		return position{}, err
	}
	// By the clock, so that it is also above what an index holds whose position was lost.
	found.Claim, found.Version = s.claim, max(found.Version+versionGap, time.Now().UnixMicro())
	if found.Tables == nil {
		found.Tables = map[string]*TableState{}
	}
	if found.Indices == nil {
		found.Indices = map[string]string{}
	}
	return found, s.put(ctx, query, found)
}

// save stores a position. It fails with errReplaced where another run has begun.
func (s *positionStore) save(ctx context.Context, is position) error {
	err := s.put(ctx, fmt.Sprintf("if_seq_no=%d&if_primary_term=%d", s.number, s.term), is)
	if !isStatus(err, http.StatusConflict) {
		return err
	}
	// The answer to an earlier try may have been lost.
	var stored storedPosition
	if err := s.elastic.call(ctx, http.MethodGet, s.path(), nil, &stored); err != nil {
		return err
	}
	if stored.Source.Claim != s.claim {
		return errReplaced
	}
	return s.put(ctx, fmt.Sprintf("if_seq_no=%d&if_primary_term=%d", stored.Number, stored.Term), is)
}

func (s *positionStore) path() string {
	return "/" + s.index + "/_doc/position"
}

func (s *positionStore) put(ctx context.Context, query string, is position) error {
	text, err := json.Marshal(is)
	if err != nil {
		return err
	}
	var answer storedPosition
	if err := s.elastic.call(ctx, http.MethodPut, s.path()+"?"+query, text, &answer); err != nil {
		return err
	}
	s.number, s.term = answer.Number, answer.Term
	return nil
}
