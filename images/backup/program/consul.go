package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// consulSystem is a cluster of Consul: its snapshot has everything, of which the keys are brought back. Services, nodes and sessions are those of
// what runs, which tells Consul of itself.
type consulSystem struct{ config ConsulConfig }

func (s *consulSystem) name() string { return systemConsul }
func (s *consulSystem) file() string { return "consul.snap" }

func (s *consulSystem) web() *web { return newWeb("Consul", s.config.Servers, "", "") }

func (s *consulSystem) version(ctx context.Context) (string, error) {
	var self struct{ Config struct{ Version string } }
	if err := s.web().ask(ctx, http.MethodGet, "/v1/agent/self", nil, &self); err != nil {
		return "", err
	}
	// A server answers that without a leader; keys are read and written with one alone.
	return self.Config.Version, s.web().ask(ctx, http.MethodGet, "/v1/operator/raft/configuration", nil, nil)
}

// save keeps the snapshot as Consul wrote it, and reads it at once to know that it is whole.
func (s *consulSystem) save(ctx context.Context, into io.Writer) (Part, error) {
	part := Part{At: time.Now().UTC()}
	answer, err := s.web().send(ctx, http.MethodGet, "/v1/snapshot", nil)
	if err != nil {
		return part, err
	}
	defer answer.Close()
	keys := 0
	snapshot := io.TeeReader(answer, into)
	err = snapshotKeys(snapshot, func(entry kvEntry) {
		if !s.excluded(entry.Key) {
			keys++
		}
	})
	if err == nil {
		_, err = io.Copy(io.Discard, snapshot)
	}
	part.Holds = counted(keys, "key")
	return part, err
}

// excluded are keys that belong to what runs, and are neither brought back nor taken away.
func (s *consulSystem) excluded(key string) bool {
	for _, prefix := range s.config.Exclude {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// keys are the names of those that are there and are not excluded.
func (s *consulSystem) keys(ctx context.Context) ([]string, error) {
	var all, keys []string
	if err := s.web().ask(ctx, http.MethodGet, "/v1/kv/?keys=true&consistent", nil, &all); err != nil && !absent(err) {
		return nil, err
	}
	for _, key := range all {
		if !s.excluded(key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (s *consulSystem) prepare(ctx context.Context, part Part, from opener) (plan, error) {
	var does plan
	running, err := s.version(ctx)
	if err != nil {
		return does, err
	}
	if err := refuseOlder("Consul", running, part.Version); err != nil {
		return does, err
	}
	if _, err := s.entries(from); err != nil {
		return does, err
	}
	keys, err := s.keys(ctx)
	if err != nil {
		return does, err
	}
	if len(keys) > 0 {
		does.Replaces = counted(len(keys), "key")
	}
	does.Does = "the keys become those of the set: " + part.Holds
	if len(s.config.Exclude) > 0 {
		does.Does += "; those below " + strings.Join(s.config.Exclude, ", ") + " are left to what runs"
	}
	return does, nil
}

func (s *consulSystem) entries(from opener) ([]kvEntry, error) {
	reader, err := from()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var entries []kvEntry
	err = snapshotKeys(reader, func(entry kvEntry) {
		if !s.excluded(entry.Key) {
			entries = append(entries, entry)
		}
	})
	return entries, err
}

// load writes the keys of the set first, and then takes those away that it has not: what was in both is never missing.
func (s *consulSystem) load(ctx context.Context, _ Part, from opener) error {
	entries, err := s.entries(from)
	if err != nil {
		return err
	}
	changes := keyChanges{web: s.web()}
	wanted := map[string]bool{}
	for _, entry := range entries {
		wanted[entry.Key] = true
		value := base64.StdEncoding.EncodeToString(entry.Value)
		operation := map[string]any{"Verb": "set", "Key": entry.Key, "Value": value, "Flags": entry.Flags}
		if err := changes.add(ctx, operation, len(value)+len(entry.Key)); err != nil {
			return err
		}
	}
	there, err := s.keys(ctx)
	if err != nil {
		return err
	}
	for _, key := range there {
		if !wanted[key] {
			if err := changes.add(ctx, map[string]any{"Verb": "delete", "Key": key}, len(key)); err != nil {
				return err
			}
		}
	}
	return changes.flush(ctx)
}

// A transaction of Consul takes 64 operations and half a MiB (Consul's API, "Transactions").
const (
	txnOperations = 64
	txnBytes      = 300 << 10
)

// keyChanges are changes that are sent in transactions as large as may be.
type keyChanges struct {
	web        *web
	operations []any
	size       int
}

func (c *keyChanges) add(ctx context.Context, operation map[string]any, size int) error {
	if len(c.operations) == txnOperations || (c.size > 0 && c.size+size > txnBytes) {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	c.operations = append(c.operations, map[string]any{"KV": operation})
	c.size += size
	return nil
}

func (c *keyChanges) flush(ctx context.Context) error {
	if len(c.operations) == 0 {
		return nil
	}
	if err := c.web.ask(ctx, http.MethodPut, "/v1/txn", c.operations, nil); err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	c.operations, c.size = nil, 0
	return nil
}
