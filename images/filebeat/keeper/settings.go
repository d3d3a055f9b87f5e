package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// input is an input of Filebeat as it takes it.
type input map[string]any

// rule says how the lines of some components' containers are read.
type rule struct {
	// Components that it is for; none are all.
	Components []string `json:"components"`
	Except     []string `json:"except"`
	Input      input    `json:"input"`
}

func (r rule) covers(component string) bool {
	return (len(r.Components) == 0 || contains(r.Components, component)) && !contains(r.Except, component)
}

type containersOf struct {
	// Stack whose containers are read, and no others.
	Stack string `json:"stack"`
	// Folder of the engine's containers.
	Root string `json:"root"`
	// The first rule that covers a component is its own.
	Rules []rule `json:"rules"`
}

// servers are those of Elasticsearch, by their addresses.
type servers struct {
	URLs []string `json:"urls"`
	User string   `json:"user"`
}

type retention struct {
	// First parts of the indices' names, before `-yyyy.MM.dd`.
	Indices []string `json:"indices"`
	Days    int      `json:"days"`
}

// relayed are the servers that a relay leads to, as host:port.
type relayed struct {
	Listen  string   `json:"listen"`
	Targets []string `json:"targets"`
}

type settings struct {
	Inputs     []input       `json:"inputs"`
	Containers *containersOf `json:"containers"`
	// Servers whose indices are kept: what it puts there and deletes.
	Elasticsearch *servers   `json:"elasticsearch"`
	Retention     *retention `json:"retention"`
	Relay         *relayed   `json:"relay"`
	// Addresses of the output, and the path of their list in Filebeat's configuration.
	Hosts     []string `json:"hosts"`
	HostsPath string   `json:"hostsPath"`

	folder string
}

const (
	settingsFile = "keeper.json"
	passwordFile = "elasticsearch-password"
)

// ownFiles are read by Filebeat when it starts, and only then.
var ownFiles = []string{"filebeat.yml", "output.yml"}

func readSettings(folder string) (settings, error) {
	text, err := os.ReadFile(filepath.Join(folder, settingsFile))
	if err != nil {
		return settings{}, err
	}
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return settings{}, fmt.Errorf("%s: %w", settingsFile, err)
	}
	s.folder = folder
	return s, nil
}

// digestOf is of what Filebeat reads when it starts.
func digestOf(folder string) ([sha256.Size]byte, error) {
	var all strings.Builder
	for _, name := range ownFiles {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !os.IsNotExist(err) {
			return [sha256.Size]byte{}, err
		}
		fmt.Fprintf(&all, "%s %d\n%s", name, len(text), text)
	}
	return sha256.Sum256([]byte(all.String())), nil
}

// check tells whether a configuration can be run: what Filebeat says of it, and whether the patterns are any.
func check(p paths, folder string) error {
	s, err := readSettings(folder)
	if err != nil {
		return err
	}
	all := append([]input{}, s.Inputs...)
	if s.Containers != nil {
		for _, each := range s.Containers.Rules {
			all = append(all, each.Input)
		}
	}
	for _, each := range all {
		if err := checkPatterns(each); err != nil {
			return err
		}
	}
	scratch, err := os.MkdirTemp("", "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	said, err := filebeat(p, folder, scratch, "test", "config").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s", said)
	}
	return nil
}

func checkPatterns(each input) error {
	for _, key := range []string{"include_lines", "exclude_lines", "exclude_files"} {
		patterns, _ := each[key].([]any)
		for _, pattern := range patterns {
			if err := checkPattern(key, pattern); err != nil {
				return err
			}
		}
	}
	if multiline, there := each["multiline"].(map[string]any); there && multiline["pattern"] != nil {
		return checkPattern("multiline.pattern", multiline["pattern"])
	}
	return nil
}

func checkPattern(key string, pattern any) error {
	if _, err := regexp.Compile(fmt.Sprint(pattern)); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func contains(list []string, word string) bool {
	for _, each := range list {
		if each == word {
			return true
		}
	}
	return false
}
