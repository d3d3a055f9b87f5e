package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Phases of the service.
const (
	phaseWaiting   = "waiting"
	phaseLoading   = "loading"
	phaseFollowing = "following"
)

// Status is what the service tells of itself.
type Status struct {
	Phase  string `json:"phase"`
	Source string `json:"source,omitempty"`
	// Error is why it does not go on now.
	Error string `json:"error,omitempty"`
	// Unmatched are the patterns of tables that no table has.
	Unmatched []string `json:"unmatched,omitempty"`
	// Changes are how many documents it has written or taken out since it started.
	Changes int `json:"changes"`
	// BehindMs is how old the last change was when it was in the documents.
	BehindMs int64                 `json:"behindMs"`
	Tables   map[string]TableState `json:"tables"`
}

// Report keeps the status, which is asked for at any time.
type Report struct {
	mutex  sync.Mutex
	status Status
	fault  error
	// elasticFault is what Elasticsearch is waited for.
	elasticFault error
}

func newReport() *Report {
	return &Report{status: Status{Phase: phaseWaiting, Tables: map[string]TableState{}}}
}

func (r *Report) set(change func(*Status)) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	change(&r.status)
}

// waits says why nothing goes on; each reason is logged once.
func (r *Report) waits(why error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.fault == nil || r.fault.Error() != why.Error() {
		log.Print(why)
	}
	r.fault, r.status.Phase = why, phaseWaiting
}

func (r *Report) found(source string) {
	r.set(func(s *Status) { s.Source = source })
}

func (r *Report) loading(name string) {
	log.Printf("%s is read", name)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fault, r.status.Phase = nil, phaseLoading
}

func (r *Report) following() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.status.Phase != phaseFollowing {
		log.Printf("the log of %s is followed", r.status.Source)
	}
	r.fault, r.status.Phase = nil, phaseFollowing
}

func (r *Report) loaded(count int) {
	r.set(func(s *Status) { s.Changes += count })
}

func (r *Report) followed(count int, committed time.Time) {
	r.set(func(s *Status) {
		s.Changes += count
		if !committed.IsZero() {
			s.BehindMs = time.Since(committed).Milliseconds()
		}
	})
}

// elastic says why Elasticsearch is waited for; nil says that it is not.
func (r *Report) elastic(why error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if why != nil && r.elasticFault == nil {
		log.Print(why)
	}
	r.elasticFault = why
}

func (r *Report) tables(states map[string]*TableState) {
	r.set(func(s *Status) {
		s.Tables = map[string]TableState{}
		for name, state := range states {
			s.Tables[name] = *state
		}
	})
}

func (r *Report) unmatched(patterns []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(patterns) > 0 && !slices.Equal(patterns, r.status.Unmatched) {
		log.Printf("no table yet for %s", strings.Join(patterns, ", "))
	}
	r.status.Unmatched = patterns
}

func (r *Report) now() Status {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	status := r.status
	status.Tables = maps.Clone(status.Tables)
	if why := errors.Join(r.fault, r.elasticFault); why != nil {
		status.Error = why.Error()
	}
	return status
}

func (r *Report) serve() error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(r.now()); err != nil {
			log.Print(err)
		}
	})
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(statusPort))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

// goesOn tells whether the service does its work, or why not.
func (s Status) goesOn() error {
	if s.Phase == phaseWaiting || s.Error != "" {
		return fmt.Errorf("%s: %s", s.Phase, orElse(s.Error, "it has just started"))
	}
	return nil
}

// errStopped says that somebody has to do something before a table is followed.
var errStopped = errors.New("is not followed")

// whole tells whether all of its tables are carried, or about to be.
func (s Status) whole() error {
	faults := []error{s.goesOn()}
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		if state := s.Tables[name]; state.State == tableStopped {
			faults = append(faults, fmt.Errorf("%s %w: %s", name, errStopped, state.Error))
		}
	}
	return errors.Join(faults...)
}
