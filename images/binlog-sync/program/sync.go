package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// Sync keeps indices equal to tables.
type Sync struct {
	config   Config
	elastic  *Elastic
	store    *positionStore
	position position
	// seen are transactions that the documents may have, of a source that may be gone; the position is behind them.
	seen *gomysql.MysqlGTIDSet
	// version is the last that was given out.
	version atomic.Int64
	report  *Report
}

// errTablesChanged says that tables are to be read anew before the log is followed on.
var errTablesChanged = errors.New("tables have been changed")

// The shortest and the longest time between two tries to go on.
const (
	leastPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
)

// run goes on until it is stopped, or replaced by another run.
func (s *Sync) run(ctx context.Context) error {
	taken := false
	for pause := leastPause; ; pause = min(max(2*pause, leastPause), mostPause) {
		if !taken {
			found, err := s.store.take(ctx)
			if taken = err == nil; taken {
				s.begin(found)
			} else {
				s.report.waits(fmt.Errorf("the position cannot be read: %w", err))
			}
		}
		if taken {
			began := time.Now()
			err := s.turn(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, errReplaced) || errors.Is(err, errIndexGone) || errors.Is(err, errNewer) {
				// Nothing of what this run knows of the documents holds any more.
				return err
			}
			if errors.Is(err, errTablesChanged) {
				pause = 0
			} else {
				s.report.waits(err)
			}
			if time.Since(began) > time.Minute {
				pause = leastPause
			}
		}
		if sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// begin takes up what the run before left: what stopped it may be mended.
func (s *Sync) begin(found position) {
	s.position = found
	s.version.Store(found.Version)
	for name, state := range found.Tables {
		if state.State == tableStopped {
			s.markDue(name)
		}
	}
}

// turn finds the source, reads the tables that are due, and follows the log until something ends that.
func (s *Sync) turn(ctx context.Context) error {
	source, err := findSource(ctx, s.config)
	if err != nil {
		return err
	}
	defer source.pool.Close()
	if err := source.check(ctx); err != nil {
		return err
	}
	uuid, err := source.uuid(ctx)
	if err != nil {
		return err
	}
	s.report.found(source.address)
	if err := s.startingPoint(ctx, source, uuid); err != nil {
		return err
	}
	s.position.Server, s.position.Clean = uuid, false
	if err := s.survey(ctx, source); err != nil {
		return err
	}
	if err := s.ensureIndices(ctx); err != nil {
		return err
	}
	if err := s.save(ctx); err != nil {
		return err
	}
	if err := s.load(ctx, source); err != nil {
		return err
	}
	charsets, err := source.charsets(ctx)
	if err != nil {
		return err
	}
	s.report.following()
	return s.follow(ctx, source, charsets)
}

// startingPoint has a position from which the source's log can be followed. Where there is none, all tables are read anew.
func (s *Sync) startingPoint(ctx context.Context, source *Source, uuid string) error {
	why := "there is no position yet"
	switch {
	case s.position.GTID == "":
	case s.seen == nil && !s.position.Clean && s.position.Server != uuid:
		why = "the run before was cut, and its source is another one: what it had written last may have been lost with that"
	default:
		seen := s.position.GTID
		if s.seen != nil {
			seen = s.seen.String()
		}
		var err error
		if why, err = source.goesOn(ctx, s.position.GTID, seen, s.position.Server == uuid); err != nil || why == "" {
			return err
		}
	}
	log.Printf("all tables are read from %s: %s", source.address, why)
	executed, err := source.executed(ctx)
	if err != nil {
		return err
	}
	s.position.GTID, s.seen = executed, nil
	for name := range s.position.Tables {
		s.markDue(name)
	}
	return nil
}

// send has operations done; a document that is refused stops its table. Elasticsearch would make an index that is gone as it likes, so that is looked
// at before.
func (s *Sync) send(ctx context.Context, operations []operation) error {
	if err := s.sameIndices(ctx); err != nil {
		return err
	}
	refused, err := s.elastic.write(ctx, operations, s.report.elastic)
	for _, one := range refused {
		s.stop(one.table, fmt.Errorf("Elasticsearch refuses the document %s: %s; mend the mapping of %s, or leave the column out, and restart this service", one.id, one.why, one.index))
	}
	return err
}

// follow follows the log of the source while it is one.
func (s *Sync) follow(ctx context.Context, source *Source, charsets map[uint64]string) error {
	set, err := gomysql.ParseMysqlGTIDSet(s.position.GTID)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	changes := make(chan change, changesAhead)
	ended := make(chan error, 1)
	go func() {
		defer close(changes)
		reader := &follower{config: s.config, charsets: charsets}
		ended <- reader.follow(ctx, source, s.position.GTID, func(one change) error {
			select {
			case changes <- one:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	go func() {
		// A source that hands over takes no writes any more, and its log goes on with those of the next one.
		for sleep(ctx, time.Second) == nil {
			if err := source.takesWrites(ctx); err != nil {
				cancel(err)
			}
		}
	}()
	following := &stream{sync: s, source: source, set: set.(*gomysql.MysqlGTIDSet), saved: time.Now()}
	err = following.run(ctx, changes)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	// The source knows a follower by its number: the next one begins when this one is gone.
	cancel(nil)
	if broke := <-ended; err == nil {
		err = fmt.Errorf("the log of %s broke off: %w", source.address, broke)
	}
	return err
}

func (s *Sync) nextVersion() int64 {
	return s.version.Add(1)
}

// follows tells whether the rows of a table are carried as they change.
func (s *Sync) follows(one table) bool {
	state := s.position.Tables[one.String()]
	return state != nil && state.State == tableFollowed
}

func (s *Sync) markDue(name string) {
	if state := s.position.Tables[name]; state != nil {
		state.State, state.Error = tableDue, ""
	}
	s.report.tables(s.position.Tables)
}

// stop has a table followed no more: its documents stay as they are, and the others go on.
func (s *Sync) stop(name string, why error) {
	state := s.position.Tables[name]
	if state == nil || state.State == tableStopped {
		return
	}
	log.Printf("%s is not followed any more: %v", name, why)
	state.State, state.Error = tableStopped, why.Error()
	s.report.tables(s.position.Tables)
}

// save stores the position. An index that was made anew meanwhile lacks what was written before, so nothing is stored that says otherwise.
func (s *Sync) save(ctx context.Context) error {
	if err := s.sameIndices(ctx); err != nil {
		return err
	}
	s.position.Version = s.version.Load()
	return s.store.save(ctx, s.position)
}

// sameIndices fails with errIndexGone where an index is another one than it was, or none. It waits while Elasticsearch does not say.
func (s *Sync) sameIndices(ctx context.Context) error {
	ids, err := s.elastic.indexIDs(ctx, s.indices())
	for err != nil && isTransient(err) {
		s.report.elastic(err)
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		ids, err = s.elastic.indexIDs(ctx, s.indices())
	}
	s.report.elastic(nil)
	if err != nil {
		return err
	}
	for _, index := range s.indices() {
		if before, known := s.position.Indices[index]; known && ids[index] != before {
			return fmt.Errorf("%w: %s", errIndexGone, index)
		}
	}
	return nil
}
