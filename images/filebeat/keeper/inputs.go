package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// container is one of the engine's, as its own file beside the log tells.
type container struct {
	ID        string
	Component string
	Node      string
	stack     string
	// What the engine was told of its log, by itself and by the host's daemon.json.
	log logConfig
	// What is read of it, where it is read.
	stream string
}

type logConfig struct {
	Type   string
	Config map[string]string
}

// loss is why not every line can be read; empty where it can.
func (l logConfig) loss() string {
	switch {
	case l.Type != "json-file":
		return "the driver of its log is " + l.Type + ", and what is read is json-file"
	case l.Config["mode"] == "non-blocking":
		return "mode is non-blocking: the engine drops lines that it cannot write at once"
	case l.Config["compress"] == "true":
		return "compress is true: what is rotated away while the output is away cannot be read"
	}
	return ""
}

// lossy are containers of which lines may be lost, by their nodes.
func lossy(containers []container) map[string]string {
	all := map[string]string{}
	for _, each := range containers {
		if why := each.log.loss(); why != "" {
			all[each.Node] = why
		}
	}
	return all
}

// listing remembers what does not change while a container exists.
type listing map[string]container

// look reads the folder of the engine's containers and returns those of the stack.
func (known listing) look(root, stack string) ([]container, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var found []container
	for _, entry := range entries {
		id := entry.Name()
		there[id] = true
		each, read := known[id]
		if !read {
			// One that is just being made, or removed, has no such file; it is looked at again.
			if each, err = readContainer(root, id); err != nil {
				continue
			}
			known[id] = each
		}
		if each.stack == stack && each.Node != "" {
			found = append(found, each)
		}
	}
	for id := range known {
		if !there[id] {
			delete(known, id)
		}
	}
	return found, nil
}

func readContainer(root, id string) (container, error) {
	text, err := os.ReadFile(filepath.Join(root, id, "config.v2.json"))
	if err != nil {
		return container{}, err
	}
	var described struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(text, &described); err != nil {
		return container{}, err
	}
	if text, err = os.ReadFile(filepath.Join(root, id, "hostconfig.json")); err != nil {
		return container{}, err
	}
	var host struct{ LogConfig logConfig }
	if err := json.Unmarshal(text, &host); err != nil {
		return container{}, err
	}
	labels := described.Config.Labels
	return container{
		ID: id, Component: labels["dockyard.component"], Node: labels["dockyard.node"], stack: labels["dockyard.stack"], log: host.LogConfig,
	}, nil
}

// logs are the file that the engine writes and those that it has rotated away.
func (c container) logs(root string) string {
	return filepath.Join(root, c.ID, c.ID+"-json.log*")
}

// inputFor is an input of one container alone, so that Filebeat takes no file of another for the same when the file system uses its number again.
//
// Its files are found by their own names, and by the links to those that are kept, which are left out as long as there is a name.
func (c container) inputFor(root, links string, r rule) input {
	made := input{}
	for key, value := range r.Input {
		made[key] = value
	}
	origin := map[string]any{"dockyard": map[string]any{"component": c.Component, "node": c.Node}, "container": map[string]any{"id": c.ID}}
	processors, _ := r.Input["processors"].([]any)
	made["processors"] = append([]any{map[string]any{"add_fields": map[string]any{"target": "", "fields": origin}}}, processors...)
	made["paths"], made["symlinks"] = []string{c.logs(root), links}, true
	return made
}

// wantedInputs are the files of the folder of inputs.
func wantedInputs(s settings, containers []container, links func(id string) string) map[string]string {
	wanted := map[string]string{}
	for at, each := range s.Inputs {
		wanted[fmt.Sprintf("file-%d.yml", at)] = render(each)
	}
	for _, each := range containers {
		if r := s.Containers.ruleOf(each); r != nil {
			wanted[containerFile(each.ID)] = render(each.inputFor(s.Containers.Root, links(each.ID), *r))
		}
	}
	return wanted
}

// read are those of the containers whose lines somebody wants.
func (of containersOf) read(containers []container) []container {
	var all []container
	for _, each := range containers {
		if r := of.ruleOf(each); r != nil {
			each.stream, _ = r.Input["stream"].(string)
			all = append(all, each)
		}
	}
	return all
}

func (of containersOf) ruleOf(c container) *rule {
	for at := range of.Rules {
		if of.Rules[at].covers(c.Component) {
			return &of.Rules[at]
		}
	}
	return nil
}

func containerFile(id string) string { return "container-" + id + ".yml" }

// JSON is YAML.
func render(each input) string {
	text, err := json.MarshalIndent([]input{each}, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// writeInputs makes the folder as it is wanted and tells whether anything changed. What is read from a container that is gone stays until `unread`
// says that nothing is left: its files are open until then. Before anything that is read is read otherwise, `before` is called.
func writeInputs(folder string, wanted map[string]string, unread func(id string) bool, before func() error) (bool, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false, err
	}
	changed := false
	for _, entry := range entries {
		name := entry.Name()
		if _, stays := wanted[name]; stays {
			continue
		}
		if id, of := strings.CutPrefix(strings.TrimSuffix(name, ".yml"), "container-"); of && unread(id) {
			continue
		}
		if !changed {
			if err := before(); err != nil {
				return false, err
			}
		}
		changed = true
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return false, err
		}
	}
	for name, text := range wanted {
		path := filepath.Join(folder, name)
		there, err := os.ReadFile(path)
		if err == nil && string(there) == text {
			continue
		}
		if err == nil && !changed {
			if err := before(); err != nil {
				return false, err
			}
		}
		changed = true
		if err := writeWhole(path, text); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// writeWhole has the file appear whole or not at all.
func writeWhole(path, text string) error {
	// Filebeat reads what ends in .yml.
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// inputGlobs are the paths of all inputs.
func inputGlobs(folder string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yml"))
	if err != nil {
		return nil, err
	}
	var globs []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var inputs []struct {
			Paths []string `json:"paths"`
		}
		if err := json.Unmarshal(text, &inputs); err != nil {
			return nil, err
		}
		for _, each := range inputs {
			globs = append(globs, each.Paths...)
		}
	}
	return globs, nil
}
