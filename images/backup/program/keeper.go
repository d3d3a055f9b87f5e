package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Keeper takes sets, keeps them, and brings them back.
type Keeper struct {
	config  Config
	target  Target
	systems []System
	// state is a folder in memory that all processes of the container share.
	state string
	// say tells who waits how far things are.
	say func(format string, values ...any)
}

// stateFolder is in memory: what is in it is of this run of the container.
const stateFolder = "/run/backup"

func openKeeper(path string) (*Keeper, error) {
	config, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	target, err := openTarget(config)
	if err != nil {
		return nil, err
	}
	say := func(format string, values ...any) { fmt.Printf(format+"\n", values...) }
	return &Keeper{config, target, systemsOf(config), stateFolder, say}, nil
}

// lock has one run at a time: no set is taken of what a restore is halfway through.
func (k *Keeper) lock(ctx context.Context) (func(), error) {
	file, err := os.OpenFile(filepath.Join(k.state, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for told := false; ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			// The lock ends with the file, and with the process at the latest.
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, file.Close())
		}
		if !told {
			k.say("waits for the run that is under way")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// whole asks everything that a run needs: the target, and each system with its login.
func (k *Keeper) whole(ctx context.Context) error {
	faults := []error{k.target.writable(ctx)}
	for _, system := range k.systems {
		if _, err := versionOf(ctx, system); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// manifest reads what a set says of itself.
func (k *Keeper) manifest(ctx context.Context, id string) (Manifest, error) {
	if !setID.MatchString(id) {
		return Manifest{}, fmt.Errorf("%q is no set's id; `npm run backup -- --list` shows them", id)
	}
	text, err := readAll(ctx, k.target, id+"/"+manifestName)
	if errors.Is(err, errAbsent) {
		return Manifest{}, fmt.Errorf("there is no set %s in %s; `npm run backup -- --list` shows those that there are", id, k.target)
	}
	if err != nil {
		return Manifest{}, err
	}
	return readManifest(id, text)
}

// manifests are those of this stack that can be read, the oldest first.
func (k *Keeper) manifests(ctx context.Context) ([]Manifest, error) {
	ids, err := k.target.sets(ctx)
	if err != nil {
		return nil, err
	}
	var manifests []Manifest
	for _, id := range ids {
		if manifest, err := k.manifest(ctx, id); err == nil && manifest.Stack == k.config.Stack {
			manifests = append(manifests, manifest)
		}
	}
	return manifests, nil
}

func (k *Keeper) list(ctx context.Context) error {
	ids, err := k.target.sets(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		manifest, err := k.manifest(ctx, id)
		switch {
		case err != nil:
			k.say("%s  %s", id, err)
		case manifest.Stack != k.config.Stack:
			k.say("%s  of %s", manifest, manifest.Stack)
		default:
			k.say("%s", manifest)
		}
	}
	if len(ids) == 0 {
		k.say("there is no set in %s yet", k.target)
	}
	return nil
}

func (k *Keeper) archive(stack string) archive { return archive{k.target, stack} }

// mysql is the system whose log is taken between sets; nil where the stack has none.
func (k *Keeper) mysql() *mysqlSystem {
	for _, system := range k.systems {
		if mysql, is := system.(*mysqlSystem); is {
			return mysql
		}
	}
	return nil
}
