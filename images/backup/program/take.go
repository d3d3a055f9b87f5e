package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// take writes a set, and lets those go that are too many then.
func (k *Keeper) take(ctx context.Context, reason string) (Manifest, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return Manifest{}, err
	}
	defer unlock()
	manifest, err := k.takeLocked(ctx, reason)
	k.note(err)
	return manifest, err
}

func (k *Keeper) takeLocked(ctx context.Context, reason string) (Manifest, error) {
	unfinished, err := k.journal(ctx)
	if err != nil {
		return Manifest{}, fmt.Errorf("no set was taken: %w", err)
	}
	if unfinished != nil {
		return Manifest{}, fmt.Errorf("no set is taken of what a restore has left halfway: %s", unfinished.remedy())
	}
	manifest, err := k.write(ctx, reason)
	if err != nil {
		return manifest, err
	}
	behind := k.extendBinlog(ctx)
	if err := k.prune(ctx); err != nil {
		return manifest, err
	}
	if behind != nil {
		return manifest, fmt.Errorf("the set %s is there, %w: %w", manifest.ID, errBehind, behind)
	}
	return manifest, nil
}

// errBehind says that only the binary log is missing, which is followed by itself: another set would be one too many.
var errBehind = errors.New("but the binary log behind it is not")

// write writes one set and reads it back. It is there whole or not at all, and what was there before stays as it is.
func (k *Keeper) write(ctx context.Context, reason string) (Manifest, error) {
	began, err := k.freeSecond(ctx)
	if err != nil {
		return Manifest{}, fmt.Errorf("no set was taken: %w", err)
	}
	manifest := Manifest{Format: format, ID: newID(k.config.Stack, began), Stack: k.config.Stack, Reason: reason, Began: began}
	failed := func(err error) (Manifest, error) {
		return manifest, fmt.Errorf("no set was taken, and those that are there stay as they are: %w", err)
	}
	if err := k.target.writable(ctx); err != nil {
		return failed(err)
	}
	if err := k.target.sweep(ctx); err != nil {
		return failed(err)
	}
	draft, err := k.target.begin(ctx, manifest.ID)
	if err != nil {
		return failed(err)
	}
	for _, system := range k.systems {
		part, err := k.writePart(ctx, draft, system)
		if err != nil {
			return failed(errors.Join(fmt.Errorf("%s: %w", system.name(), err), draft.discard()))
		}
		k.say("%s: %s, %s", system.name(), part.Holds, bytesText(part.Size))
		manifest.Parts = append(manifest.Parts, part)
	}
	manifest.Ended = time.Now().UTC()
	text, err := manifest.sealed()
	if err == nil {
		err = draft.commit(text)
	}
	if err != nil {
		return failed(errors.Join(err, draft.discard()))
	}
	// Only what was read back is a reason to let older ones go.
	return k.verified(ctx, manifest.ID, nil)
}

// freeSecond is now, or the next second where the last set was begun in this one: ids are told apart by it.
func (k *Keeper) freeSecond(ctx context.Context) (time.Time, error) {
	ids, err := k.target.sets(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for {
		now := time.Now().UTC()
		if !slices.Contains(ids, newID(k.config.Stack, now)) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(time.Until(now.Truncate(time.Second).Add(time.Second))):
		}
	}
}

// patience is how long a system may take to say its version: one that hangs must not hold up a run.
const patience = 20 * time.Second

func versionOf(ctx context.Context, system System) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return system.version(ctx)
}

func (k *Keeper) writePart(ctx context.Context, draft Draft, system System) (Part, error) {
	version, err := versionOf(ctx, system)
	if err != nil {
		return Part{}, err
	}
	file, err := draft.create(system.file())
	if err != nil {
		return Part{}, err
	}
	measured := newMeasure(file)
	part, err := system.save(ctx, measured)
	if err := errors.Join(err, file.Close()); err != nil {
		return part, err
	}
	part.System, part.File, part.Version = system.name(), system.file(), version
	part.Size, part.SHA256 = measured.size, measured.sum()
	return part, nil
}

// verified reads a set, or the parts of some systems, to the end and compares it with its manifest.
func (k *Keeper) verified(ctx context.Context, id string, only []string) (Manifest, error) {
	manifest, err := k.manifest(ctx, id)
	if err != nil {
		return manifest, err
	}
	for _, part := range manifest.Parts {
		if len(only) > 0 && !slices.Contains(only, part.System) {
			continue
		}
		if err := verify(ctx, k.target, id+"/"+part.File, part.Size, part.SHA256); err != nil {
			return manifest, fmt.Errorf("the set %s %w", id, err)
		}
	}
	return manifest, nil
}

// extendBinlog takes what MySQL has executed since into the target, where there is a set that it can follow on.
func (k *Keeper) extendBinlog(ctx context.Context) error {
	if k.mysql() == nil {
		return nil
	}
	manifests, err := k.manifests(ctx)
	if err != nil {
		return err
	}
	for _, manifest := range slices.Backward(manifests) {
		if part, is := manifest.part(systemMysql); is {
			log := k.archive(k.config.Stack)
			return log.extend(ctx, func(ctx context.Context, segment *Segment) (bool, error) { return log.piece(ctx, k.mysql(), segment) }, part)
		}
	}
	return nil
}

// prune lets the oldest sets of this stack go that are more than are kept; those that a restore took of what it replaced are counted by themselves.
// Sets that cannot be read are left: somebody may know why.
func (k *Keeper) prune(ctx context.Context) error {
	manifests, err := k.manifests(ctx)
	if err != nil {
		return err
	}
	going := surplus(manifests, k.config.Keep)
	for _, id := range going {
		if err := k.target.removeSet(ctx, id); err != nil {
			return err
		}
		k.say("%s is let go: %s are kept", id, counted(k.config.Keep, "set"))
	}
	for _, manifest := range manifests {
		if part, is := manifest.part(systemMysql); is && !slices.Contains(going, manifest.ID) {
			return k.archive(k.config.Stack).prune(ctx, part)
		}
	}
	return nil
}

// surplus are the ids of the oldest that are too many; manifests are in order.
func surplus(manifests []Manifest, keep int) []string {
	var going []string
	count := map[bool]int{}
	for _, manifest := range slices.Backward(manifests) {
		safety := manifest.Reason == reasonSafety
		if count[safety]++; count[safety] > keep {
			going = append(going, manifest.ID)
		}
	}
	slices.Sort(going)
	return going
}
