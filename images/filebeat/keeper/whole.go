package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// whole tells whether Filebeat runs what is configured now, all of its inputs, and reaches its output.
func whole(p paths) error {
	folder, err := currentFolder(p)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(p.run, "report.json"))
	if err != nil {
		return fmt.Errorf("the keeper has not begun: %w", err)
	}
	var told report
	if err := json.Unmarshal(text, &told); err != nil {
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
	return reachOutput(p, folder)
}

// reachOutput has Filebeat itself try its output's addresses until one takes it.
func reachOutput(p paths, folder string) error {
	s, err := readSettings(folder)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "reach-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	var said []byte
	for _, host := range s.Hosts {
		command := filebeat(p, folder, scratch, "test", "output", "-E", fmt.Sprintf("%s=[%q]", s.HostsPath, host))
		if said, err = command.CombinedOutput(); err == nil {
			return nil
		}
		// Redis and Kafka are not tried by Filebeat: they answer, or they do not.
		if bytes.Contains(said, []byte("doesn't support testing")) {
			connection, err := net.DialTimeout("tcp", host, 3*time.Second)
			if err == nil {
				return connection.Close()
			}
			said = []byte(err.Error())
		}
	}
	return fmt.Errorf("the output takes nothing: %s", said)
}
