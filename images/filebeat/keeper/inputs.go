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
	labels := described.Config.Labels
	return container{id, labels["dockyard.component"], labels["dockyard.node"], labels["dockyard.stack"]}, nil
}

// logs are the file that the engine writes and those that it has rotated away.
func (c container) logs(root string) string {
	return filepath.Join(root, c.ID, c.ID+"-json.log*")
}

// inputFor is an input of one container alone, so that Filebeat takes no file of another for the same when the file system uses its number again.
func (c container) inputFor(root string, r rule) input {
	made := input{}
	for key, value := range r.Input {
		made[key] = value
	}
	origin := map[string]any{"dockyard": map[string]any{"component": c.Component, "node": c.Node}, "container": map[string]any{"id": c.ID}}
	processors, _ := r.Input["processors"].([]any)
	made["processors"] = append([]any{map[string]any{"add_fields": map[string]any{"target": "", "fields": origin}}}, processors...)
	made["paths"] = []string{c.logs(root)}
	return made
}

// wantedInputs are the files of the folder of inputs.
func wantedInputs(s settings, containers []container) map[string]string {
	wanted := map[string]string{}
	for at, each := range s.Inputs {
		wanted[fmt.Sprintf("file-%d.yml", at)] = render(each)
	}
	for _, each := range containers {
		for _, r := range s.Containers.Rules {
			if r.covers(each.Component) {
				wanted[containerFile(each.ID)] = render(each.inputFor(s.Containers.Root, r))
				break
			}
		}
	}
	return wanted
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
// says that nothing is left: its files are open until then.
func writeInputs(folder string, wanted map[string]string, unread func(id string) bool) (bool, error) {
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
		changed = true
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return false, err
		}
	}
	for name, text := range wanted {
		path := filepath.Join(folder, name)
		if there, err := os.ReadFile(path); err == nil && string(there) == text {
			continue
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
