package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"time"
)

// Failure is a run that came to nothing.
type Failure struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// Last is what others ask for: how the last run went, and when the next one is.
type Last struct {
	Target string `json:"target"`
	// Sets is how many of this stack there are.
	Sets int `json:"sets"`
	// Set is the newest one.
	Set *LastSet `json:"set"`
	// Failure is the last run, where that failed.
	Failure *Failure  `json:"failure"`
	Next    time.Time `json:"next"`
	// BinlogUntil is the moment up to which rows can be brought back.
	BinlogUntil *time.Time `json:"binlogUntil"`
	// Unfinished is a restore that is under way or was cut.
	Unfinished *Unfinished `json:"unfinishedRestore"`
}

// Unfinished is a restore that is to be finished.
type Unfinished struct {
	ID string `json:"id"`
	// Remedy says how.
	Remedy string `json:"remedy"`
}

// LastSet is a set in short.
type LastSet struct {
	ID     string    `json:"id"`
	Began  time.Time `json:"began"`
	Reason string    `json:"reason"`
	Bytes  int64     `json:"bytes"`
}

func (k *Keeper) failurePath() string { return filepath.Join(k.state, "failure.json") }

// note remembers how the last run ended.
func (k *Keeper) note(fault error) {
	err := os.Remove(k.failurePath())
	if fault != nil {
		var text []byte
		if text, err = json.Marshal(Failure{time.Now().UTC(), fault.Error()}); err == nil {
			err = os.WriteFile(k.failurePath(), text, 0o600)
		}
	}
	if err != nil && !os.IsNotExist(err) {
		log.Print(err)
	}
}

func (k *Keeper) last(ctx context.Context) (Last, error) {
	last := Last{Target: k.target.String()}
	manifests, err := k.manifests(ctx)
	if err != nil {
		return last, err
	}
	last.Sets = len(manifests)
	last.Next = k.next(manifests, time.Now())
	if len(manifests) > 0 {
		newest := manifests[len(manifests)-1]
		last.Set = &LastSet{newest.ID, newest.Began, newest.Reason, newest.size()}
	}
	if text, err := os.ReadFile(k.failurePath()); err == nil {
		if err := json.Unmarshal(text, &last.Failure); err != nil {
			return last, err
		}
	}
	if k.mysql() != nil {
		segment, is, err := k.archive(k.config.Stack).last(ctx)
		if err != nil {
			return last, err
		}
		if is {
			last.BinlogUntil = &segment.Until
		}
	}
	journal, err := k.journal(ctx)
	if journal != nil {
		last.Unfinished = &Unfinished{journal.ID, journal.remedy()}
	}
	return last, err
}
