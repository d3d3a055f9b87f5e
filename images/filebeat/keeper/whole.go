package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// hopeless is the status that says that nobody needs to wait.
const hopeless = 3

// Who may write is often made at the same time as who writes.
const refusedFor = 20 * time.Second

// whole tells whether Filebeat runs what is configured now, all of its inputs, and whether its output takes what it has.
func whole(p paths) error {
	folder, err := currentFolder(p)
	if err != nil {
		return err
	}
	told, err := readReport(p)
	if err != nil {
		return err
	}
	if told.Folder != folder {
		return fmt.Errorf("%s is not taken up yet", filepath.Base(folder))
	}
	if told.Fault != "" {
		return fmt.Errorf("an input cannot be run: %s", told.Fault)
	}
	if age := time.Since(told.Changed); age < inputsSettle {
		return fmt.Errorf("inputs changed %.1f s ago", age.Seconds())
	}
	running, err := askStats()
	if err != nil {
		return err
	}
	if running.Libbeat.Config.Module.Running < told.Inputs {
		return fmt.Errorf("%d of %d inputs run", running.Libbeat.Config.Module.Running, told.Inputs)
	}
	return lasting(filepath.Join(p.run, "refused"), told.takes(p, folder, running), time.Now())
}

// takes tells whether the output takes what Filebeat has.
func (r report) takes(p paths, folder string, running stats) error {
	if r.Templates != "" {
		err := fmt.Errorf("the templates of the indices are not there: %s", r.Templates)
		if r.Refused {
			err = refusal{err.Error()}
		}
		return err
	}
	if err := reachOutput(p, folder); err != nil {
		return err
	}
	if r.Output != "" {
		return fmt.Errorf("the output takes nothing: %s", r.Output)
	}
	if libbeat := running.Libbeat; libbeat.Pipeline.Events.Active > 0 && libbeat.Output.Events.Acked == 0 {
		return fmt.Errorf("the output has taken none of %d events yet", libbeat.Pipeline.Events.Active)
	}
	return nil
}

// errHopeless is one that no wait helps against.
type errHopeless struct{ error }

// lasting tells of a no that has lasted for a while: a file notes since when, from one question to the next.
func lasting(note string, err error, now time.Time) error {
	var no refusal
	if !errors.As(err, &no) {
		_ = os.Remove(note)
		return err
	}
	first, gone := os.Stat(note)
	if gone != nil {
		if failed := os.WriteFile(note, nil, 0o600); failed != nil {
			return failed
		}
		return err
	}
	if now.Sub(first.ModTime()) >= refusedFor {
		return errHopeless{err}
	}
	return err
}

// reachOutput has Filebeat itself try its output's addresses until one takes it, and tries those itself that Filebeat does not.
func reachOutput(p paths, folder string) error {
	s, err := readSettings(folder)
	if err != nil {
		return err
	}
	to, err := readOutput(folder)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "reach-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for _, host := range s.Hosts {
		if to.Redis != nil || to.Kafka != nil {
			err = to.logIn(host)
		} else {
			err = tryOutput(p, folder, scratch, s.HostsPath, host)
		}
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("the output takes nothing: %w", err)
}

func tryOutput(p paths, folder, scratch, hostsPath, host string) error {
	said, err := filebeat(p, folder, scratch, "test", "output", "-E", fmt.Sprintf("%s=[%q]", hostsPath, host)).CombinedOutput()
	if err == nil {
		return nil
	}
	for _, no := range []string{"401 ", "403 "} {
		if bytes.Contains(said, []byte(no)) {
			return refusal{string(said)}
		}
	}
	return errors.New(string(said))
}
