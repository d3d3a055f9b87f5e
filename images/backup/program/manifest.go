package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// format is that of the sets which this program writes, and the only one that it reads.
const format = 1

// idLayout makes an id of the moment at which a set was begun; behind it is a mark of the stack, since several may write into one target.
const idLayout = "20060102T150405Z"

// newID is unique among the sets of a stack where none begins in the second of another.
func newID(stack string, began time.Time) string {
	sum := sha256.Sum256([]byte(stack))
	return began.UTC().Format(idLayout) + "-" + hex.EncodeToString(sum[:2])
}

// beganOf is the moment that an id is of.
func beganOf(id string) (time.Time, error) {
	moment, _, _ := strings.Cut(id, "-")
	return time.Parse(idLayout, moment)
}

// manifestName is written last: what has none is no set.
const manifestName = "manifest.json"

// Reasons of a set.
const (
	reasonScheduled = "scheduled"
	reasonAsked     = "asked"
	// reasonSafety is a set of what a restore is about to replace.
	reasonSafety = "before a restore"
)

// Manifest tells what a set holds.
type Manifest struct {
	Format int       `json:"format"`
	ID     string    `json:"id"`
	Stack  string    `json:"stack"`
	Reason string    `json:"reason"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Parts  []Part    `json:"parts"`
	// Digest is the SHA-256 of the manifest without it.
	Digest string `json:"digest,omitempty"`
}

// Part is what a set holds of one system, in one file.
type Part struct {
	System string `json:"system"`
	File   string `json:"file"`
	// Version is the version of the system's software.
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Size    int64     `json:"size"`
	SHA256  string    `json:"sha256"`
	// Holds says what is in it, for people.
	Holds string `json:"holds"`
	// Names are what it holds by name: databases, indices.
	Names []string `json:"names,omitempty"`
	// Executed are the transactions that MySQL's part has, and From is the first moment that its log can take it on to.
	Executed string    `json:"executed,omitempty"`
	From     time.Time `json:"from,omitzero"`
}

func (m Manifest) part(system string) (Part, bool) {
	for _, part := range m.Parts {
		if part.System == system {
			return part, true
		}
	}
	return Part{}, false
}

// systems are those that the set has parts of.
func (m Manifest) systems() string {
	names := make([]string, len(m.Parts))
	for i, part := range m.Parts {
		names[i] = part.System
	}
	return strings.Join(names, ", ")
}

func (m Manifest) size() int64 {
	var sum int64
	for _, part := range m.Parts {
		sum += part.Size
	}
	return sum
}

func (m Manifest) String() string {
	holds := make([]string, 0, len(m.Parts))
	for _, part := range m.Parts {
		holds = append(holds, part.System+" "+part.Holds)
	}
	return fmt.Sprintf("%s  %s  %s  %s", m.ID, bytesText(m.size()), m.Reason, strings.Join(holds, "; "))
}

// sealed is the manifest as it is written, with its digest.
func (m Manifest) sealed() ([]byte, error) {
	m.Digest = ""
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(plain)
	m.Digest = hex.EncodeToString(sum[:])
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// readManifest refuses what another format wrote before it looks at anything else: only the number is the same in all.
func readManifest(id string, text []byte) (Manifest, error) {
	var manifest Manifest
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return manifest, fmt.Errorf("the set %s is damaged: its manifest cannot be read: %w", id, err)
	}
	if head.Format != format {
		age := "a newer"
		if head.Format < format {
			age = "an older"
		}
		return manifest, fmt.Errorf("the set %s has the format %d of %s Dockyard, and this one reads %d: restore it with the Dockyard that wrote it", id, head.Format, age, format)
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return manifest, fmt.Errorf("the set %s is damaged: its manifest cannot be read: %w", id, err)
	}
	again, err := manifest.sealed()
	if err != nil {
		return manifest, err
	}
	var same Manifest
	if err := json.Unmarshal(again, &same); err != nil {
		return manifest, err
	}
	if same.Digest != manifest.Digest || manifest.ID != id {
		return manifest, fmt.Errorf("the set %s is damaged: its manifest is not as it was written", id)
	}
	return manifest, nil
}

func bytesText(size int64) string {
	switch {
	case size >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(size)/(1<<30))
	case size >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(size)/(1<<20))
	default:
		return fmt.Sprintf("%.1f KiB", float64(size)/(1<<10))
	}
}
