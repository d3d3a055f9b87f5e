package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	lookEvery = time.Second
	// Filebeat looks for changed inputs once a second, and has then one more to start them.
	inputsSettle = 3 * time.Second
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
}

type keeper struct {
	paths
	faults   faults
	known    listing
	settings settings
	own      [sha256.Size]byte
	child    *child
	report   report
	retained chan settings
	relay    *relay
	reborn   suspicion
}

func newKeeper(p paths) *keeper {
	return &keeper{paths: p, known: listing{}, retained: make(chan settings, 1), relay: newRelay()}
}

func (k *keeper) inputs() string { return filepath.Join(k.paths.run, "inputs") }

func (k *keeper) run(ctx context.Context) error {
	log.SetFlags(log.LstdFlags | log.LUTC)
	go retain(ctx, k.retained)
	if err := k.look(); err != nil {
		return err
	}
	globs, err := inputGlobs(k.inputs())
	if err != nil {
		return err
	}
	if err := k.forget(globs); err != nil {
		return err
	}
	if k.child, err = startChild(k.paths, k.settings.folder, &k.faults); err != nil {
		return err
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	for {
		var err error
		select {
		case <-ctx.Done():
			k.child.stop()
			return nil
		case <-k.child.ended:
			return k.child.fault()
		case <-ticker.C:
			err = k.look()
		case <-asked:
			err = k.look()
		}
		if err != nil {
			// What was taken up goes on.
			log.Print(err)
		}
	}
}

// look takes up what has changed: the configuration, the containers.
func (k *keeper) look() error {
	folder, err := currentFolder(k.paths)
	if err != nil {
		return err
	}
	if folder != k.settings.folder {
		if err := k.takeUp(folder); err != nil {
			return err
		}
	}
	var containers []container
	if of := k.settings.Containers; of != nil {
		if containers, err = k.known.look(of.Root, of.Stack); err != nil {
			return err
		}
	}
	wanted := wantedInputs(k.settings, containers)
	changed, err := writeInputs(k.inputs(), wanted, k.unread)
	if err != nil {
		return err
	}
	if changed {
		k.report.Changed = time.Now()
	}
	if err := k.forgetWhatIsStale(); err != nil {
		return err
	}
	return k.tell()
}

// forgetWhatIsStale restarts Filebeat where a file is new under the number of another one and Filebeat has not noticed it: while its output takes
// nothing it does not look, and what it would go on with then is not what it knows.
func (k *keeper) forgetWhatIsStale() error {
	globs, err := inputGlobs(k.inputs())
	if err != nil {
		return err
	}
	born, err := birthTimes(globs)
	if err != nil {
		return err
	}
	if !k.reborn.after(born, time.Now()) || k.child == nil {
		return nil
	}
	if stale, _, err := staleStates(k.data, globs); err != nil || len(stale) == 0 {
		return err
	}
	k.child.stop()
	if err := k.forget(globs); err != nil {
		return err
	}
	k.child, err = startChild(k.paths, k.settings.folder, &k.faults)
	return err
}

func (k *keeper) forget(globs []string) error {
	forgotten, err := forgetReborn(k.data, globs)
	if err != nil {
		return fmt.Errorf("what Filebeat remembers cannot be read: %w", err)
	}
	if forgotten > 0 {
		log.Printf("%d files are new under the number of another one, and are read from their beginning", forgotten)
	}
	return nil
}

func (k *keeper) takeUp(folder string) error {
	next, err := readSettings(folder)
	if err != nil {
		return err
	}
	own, err := digestOf(folder)
	if err != nil {
		return err
	}
	if next.Relay != nil {
		if err := k.relay.follow(next.Relay.Listen, next.Relay.Targets); err != nil {
			return err
		}
	}
	if k.child != nil && own != k.own {
		k.child.stop()
		if k.child, err = startChild(k.paths, folder, &k.faults); err != nil {
			return err
		}
	}
	k.settings, k.own = next, own
	k.report.Folder, k.report.Changed = folder, time.Now()
	// What has not been looked at is outdated.
	select {
	case <-k.retained:
	default:
	}
	k.retained <- next
	return nil
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

// unread tells whether Filebeat still has a file of a container open; where it does not say, it may.
func (k *keeper) unread(id string) bool {
	told, err := askStats()
	if err != nil {
		return k.child != nil
	}
	for _, file := range told.Filebeat.Harvester.Files {
		if strings.Contains(file.Name, id) {
			return true
		}
	}
	return false
}

func (k *keeper) tell() error {
	entries, err := os.ReadDir(k.inputs())
	if err != nil {
		return err
	}
	k.report.Inputs = len(entries)
	k.report.Fault = k.faults.since(time.Now().Add(-inputsSettle))
	text, err := json.Marshal(k.report)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(k.paths.run, "report.json"), string(text))
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
