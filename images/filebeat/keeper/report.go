package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// report is what the keeper says of itself to those who ask.
type report struct {
	// Folder of the configuration that has been taken up.
	Folder string `json:"folder"`
	// Inputs that Filebeat should run.
	Inputs int `json:"inputs"`
	// When they last changed.
	Changed time.Time `json:"changed"`
	Fault   string    `json:"fault"`
	// What Filebeat said of its output last, if that has taken nothing since.
	Output string `json:"output"`
	// Why the templates of the indices are not there, and whether Elasticsearch has said no.
	Templates string `json:"templates"`
	Refused   bool   `json:"refused"`
	// Files that are gone but kept until they are shipped, and their bytes.
	Held      int   `json:"held"`
	HeldBytes int64 `json:"heldBytes"`
	// Files that were rotated away before they were read, since the keeper began.
	Lost int `json:"lost"`
	// Containers whose log is not read whole, and why.
	Lossy map[string]string `json:"lossy"`
}

func (k *keeper) tell() error {
	entries, err := os.ReadDir(k.inputs())
	if err != nil {
		return err
	}
	if told, err := askStats(); err == nil {
		if acked := told.Libbeat.Output.Events.Acked; acked > k.acked {
			k.acked = acked
			k.faults.taken()
		}
	}
	k.report.Inputs = len(entries)
	k.report.Fault = k.faults.ofInput(time.Now().Add(-inputsSettle))
	k.report.Output = k.faults.ofOutput()
	k.report.Templates, k.report.Refused = k.templates.told()
	k.report.Held, k.report.HeldBytes = k.held.waiting()
	k.report.Lost = k.held.lost
	text, err := json.Marshal(k.report)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(k.paths.run, "report.json"), string(text))
}

func readReport(p paths) (report, error) {
	var told report
	text, err := os.ReadFile(filepath.Join(p.run, "report.json"))
	if err != nil {
		return told, fmt.Errorf("the keeper has not begun: %w", err)
	}
	return told, json.Unmarshal(text, &told)
}

// status is what there is to say of a Filebeat that runs.
func (r report) status() string {
	var all []string
	if r.Held > 0 {
		all = append(all, fmt.Sprintf("%d files (%.1f MiB) that are gone are kept until they are shipped", r.Held, float64(r.HeldBytes)/(1<<20)))
	}
	if r.Lost > 0 {
		all = append(all, fmt.Sprintf("%d log files were rotated away before they were read: their logs are too short for how long the output took nothing", r.Lost))
	}
	if r.Output != "" {
		all = append(all, "the output takes nothing: "+r.Output)
	}
	if r.Templates != "" {
		all = append(all, "the templates of the indices are not there: "+r.Templates)
	}
	for node, why := range r.Lossy {
		all = append(all, fmt.Sprintf("lines of %s may be lost: %s", node, why))
	}
	sort.Strings(all)
	return strings.Join(all, "\n")
}
