package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// wish is what somebody asks of a restore.
type wish struct {
	ID string
	// Until is the moment that rows are taken to; none is that of the set.
	Until time.Time
	// Only are the systems that are brought back; none are all of the set.
	Only []string
	// Yes replaces what is there.
	Yes              bool
	WithoutSafetySet bool
}

// newest stands for the newest set.
const newest = "latest"

// errUnconfirmed says that a restore was shown and not done.
var errUnconfirmed = errors.New("nothing was changed; --yes does it")

// step is what is brought back of one system.
type step struct {
	system System
	part   Part
	open   opener
	plan   plan
}

// restore verifies everything first, says what it would do, takes a set of what it replaces, and then replaces it.
func (k *Keeper) restore(ctx context.Context, asked wish) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	manifest, steps, segments, err := k.prepare(ctx, &asked)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	unfinished, err := k.journal(ctx)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if unfinished != nil {
		if err := unfinished.refuse(asked.Only); err != nil {
			return fmt.Errorf("nothing was changed: %w", err)
		}
	}
	replaces := k.show(manifest, steps, asked)
	if !asked.Yes {
		return errUnconfirmed
	}
	journal, err := k.beginRestore(ctx, asked, unfinished, replaces)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for _, each := range steps {
		if err := k.load(ctx, each, asked, manifest, segments); err != nil {
			return fmt.Errorf("%s was not brought back: %w\n%s", each.system.name(), err, journal.remedy())
		}
	}
	if journal.isKept {
		if err := k.target.remove(ctx, k.journalName()); err != nil {
			return err
		}
	}
	k.say("%s is brought back", manifest.ID)
	if journal.SafetySet != "" {
		k.say("what was there before is the set %s", journal.SafetySet)
	}
	return nil
}

// prepare finds and verifies the set, and asks every system whether its part can be brought back.
func (k *Keeper) prepare(ctx context.Context, asked *wish) (Manifest, []step, []Segment, error) {
	if asked.ID == newest {
		id, err := k.newestFor(ctx, asked.Until)
		if err != nil {
			return Manifest{}, nil, nil, err
		}
		asked.ID = id
	}
	manifest, err := k.verified(ctx, asked.ID, asked.Only)
	if err != nil {
		return manifest, nil, nil, err
	}
	for _, name := range asked.Only {
		if _, is := manifest.part(name); !is {
			return manifest, nil, nil, fmt.Errorf("--only: the set %s has no %q; it has %s", manifest.ID, name, manifest.systems())
		}
	}
	var steps []step
	for _, part := range manifest.Parts {
		if len(asked.Only) > 0 && !slices.Contains(asked.Only, part.System) {
			continue
		}
		each, err := k.prepareStep(ctx, manifest, part)
		if err != nil {
			return manifest, nil, nil, err
		}
		steps = append(steps, each)
	}
	segments, err := k.prepareReplay(ctx, *asked, manifest, steps)
	return manifest, steps, segments, err
}

func (k *Keeper) prepareStep(ctx context.Context, manifest Manifest, part Part) (step, error) {
	at := slices.IndexFunc(k.systems, func(system System) bool { return system.name() == part.System })
	if at < 0 {
		return step{}, fmt.Errorf("this stack has no %s to bring the set's back into; name the others with --only", part.System)
	}
	open := func() (io.ReadCloser, error) { return k.target.open(ctx, manifest.ID+"/"+part.File) }
	if _, err := versionOf(ctx, k.systems[at]); err != nil {
		return step{}, err
	}
	plan, err := k.systems[at].prepare(ctx, part, open)
	return step{k.systems[at], part, open, plan}, err
}

// newestFor is the newest set of this stack, or the newest before a moment.
func (k *Keeper) newestFor(ctx context.Context, until time.Time) (string, error) {
	ids, err := k.target.sets(ctx)
	if err != nil {
		return "", err
	}
	for _, id := range slices.Backward(ids) {
		manifest, err := k.manifest(ctx, id)
		if err != nil {
			k.say("%s is passed over: %v", id, err)
			continue
		}
		if manifest.Stack != k.config.Stack {
			continue
		}
		part, is := manifest.part(systemMysql)
		if manifest.Reason != reasonSafety && (until.IsZero() || (is && !part.From.After(until))) {
			return manifest.ID, nil
		}
	}
	return "", fmt.Errorf("there is no set yet that this could be, in %s", k.target)
}

// prepareReplay finds the binary log between a set and a moment. What this stack's source has executed since is taken first.
func (k *Keeper) prepareReplay(ctx context.Context, asked wish, manifest Manifest, steps []step) ([]Segment, error) {
	if asked.Until.IsZero() {
		return nil, nil
	}
	at := slices.IndexFunc(steps, func(each step) bool { return each.part.System == systemMysql })
	if at < 0 {
		return nil, errors.New("--until: is for MySQL's rows, which are not brought back here")
	}
	part := steps[at].part
	if asked.Until.Before(part.From) {
		return nil, fmt.Errorf("--until: %s is before the set's rows, which are of %s; take an earlier set", asked.Until.Format(time.RFC3339Nano), part.From.Format(time.RFC3339Nano))
	}
	if asked.Until.After(time.Now()) {
		return nil, fmt.Errorf("--until: %s is yet to come", asked.Until.Format(time.RFC3339))
	}
	unfinished, err := k.journal(ctx)
	if err != nil {
		return nil, err
	}
	// What a restore that was cut has done is no part of what is to be reached.
	if manifest.Stack == k.config.Stack && unfinished == nil {
		if err := k.extendBinlog(ctx); err != nil && !asked.WithoutSafetySet {
			return nil, err
		} else if err != nil {
			k.say("what was executed since the last set is not taken (%v), so rows go no further than that", err)
		}
	}
	return k.archive(manifest.Stack).covers(ctx, part, asked.Until)
}

// show says what would be done, and tells whether anything is replaced by it.
func (k *Keeper) show(manifest Manifest, steps []step, asked wish) bool {
	k.say("the set %s of %s, taken %s, is whole", manifest.ID, manifest.Stack, manifest.Began.Format(time.RFC3339))
	replaces := false
	for _, each := range steps {
		k.say("%s: %s", each.system.name(), each.plan.Does)
		if each.plan.Replaces != "" {
			k.say("  replaced: %s", each.plan.Replaces)
			replaces = true
		}
	}
	if !asked.Until.IsZero() {
		k.say("then rows are taken on to %s; all else is of the set", asked.Until.Format(time.RFC3339Nano))
	}
	return replaces
}

// beginRestore takes a set of what there is, unless there is one from before a restore that was cut, and notes what is about to happen.
//
// After a disaster a target may be full or read-only and have the very sets that are needed: who goes without a safety set goes without the note.
func (k *Keeper) beginRestore(ctx context.Context, asked wish, unfinished *Journal, replaces bool) (Journal, error) {
	journal := Journal{ID: asked.ID, Until: asked.Until, Only: asked.Only, Began: time.Now().UTC()}
	switch {
	case unfinished != nil:
		journal.SafetySet = unfinished.SafetySet
		k.say("a restore of %s was cut and is taken up; no set is taken of what it has left", unfinished.ID)
	case replaces && !asked.WithoutSafetySet:
		k.say("a set of what is there is taken first")
		safety, err := k.write(ctx, reasonSafety)
		if err != nil {
			return journal, fmt.Errorf("%w\nWhat is there would be lost; --without-safety-set goes on all the same", err)
		}
		journal.SafetySet = safety.ID
	}
	err := k.writeJournal(ctx, journal)
	if err != nil && unfinished == nil && asked.WithoutSafetySet {
		k.say("%s takes no note of this restore (%v); should it be cut, run the same command again before the next set is taken", k.target, err)
		return journal, nil
	}
	journal.isKept = err == nil
	return journal, err
}

func (k *Keeper) load(ctx context.Context, each step, asked wish, manifest Manifest, segments []Segment) error {
	began := time.Now()
	if err := each.system.load(ctx, each.part, each.open); err != nil {
		return err
	}
	k.say("%s: brought back in %.1f s", each.system.name(), time.Since(began).Seconds())
	mysql, is := each.system.(*mysqlSystem)
	if !is || asked.Until.IsZero() {
		return nil
	}
	count, err := mysql.replay(ctx, k.archive(manifest.Stack), each.part, segments, asked.Until)
	if err == nil {
		k.say("mysql: %s executed, up to %s", counted(count, "transaction"), asked.Until.Format(time.RFC3339Nano))
	}
	return err
}
