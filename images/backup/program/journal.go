package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Journal is kept in the target while a restore is under way: one that was cut is seen by it, and finished by the same command.
type Journal struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until,omitzero"`
	Only  []string  `json:"only,omitempty"`
	Began time.Time `json:"began"`
	// SafetySet is the set of what was there before.
	SafetySet string `json:"safetySet,omitempty"`

	// isKept says that the target has taken the note.
	isKept bool
}

// remedy says how to finish the restore, and where what was before is.
func (j Journal) remedy() string {
	command := "npm run restore -- " + j.ID
	if !j.Until.IsZero() {
		command += " --until " + j.Until.Format(time.RFC3339Nano)
	}
	if len(j.Only) > 0 {
		command += " --only " + strings.Join(j.Only, ",")
	}
	text := fmt.Sprintf("`%s --yes` finishes it", command)
	if j.SafetySet != "" {
		text += fmt.Sprintf("; what was there before is the set %s", j.SafetySet)
	}
	return text
}

// refuse says why another restore cannot begin: it would overwrite the note of systems that this one has left halfway, of which no set may be taken
// until they are brought back. Another set may take this one's place, for the same systems.
func (j Journal) refuse(only []string) error {
	if slices.Equal(slices.Sorted(slices.Values(j.Only)), slices.Sorted(slices.Values(only))) {
		return nil
	}
	return fmt.Errorf("a restore of %s was cut, and is of other systems: %s; or another set with the same --only takes its place", j.ID, j.remedy())
}

func (k *Keeper) journalName() string { return "restoring-" + k.config.Stack + ".json" }

// journal is that of a restore that is under way or was cut; nil where there is none.
func (k *Keeper) journal(ctx context.Context) (*Journal, error) {
	text, err := readAll(ctx, k.target, k.journalName())
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var journal Journal
	return &journal, json.Unmarshal(text, &journal)
}

func (k *Keeper) writeJournal(ctx context.Context, journal Journal) error {
	text, err := json.MarshalIndent(journal, "", "  ")
	if err != nil {
		return err
	}
	return k.target.put(ctx, k.journalName(), bytes.NewReader(append(text, '\n')))
}
