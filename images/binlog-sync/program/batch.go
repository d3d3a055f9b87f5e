package main

import (
	"context"
	"errors"
	"slices"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// A batch is sent when it has this much, or when nothing more has come for now; then it is as small as the load is.
const (
	batchOperations = 2000
	batchBytes      = 4 << 20
	// batchPause is the least time from one batch to the next, so that a steady trickle does not become a request each.
	batchPause = 50 * time.Millisecond
	// endWithin is how long the last batch may take when the service is stopped.
	endWithin = 5 * time.Second
	// changesAhead are read while a batch is on its way: few, since each may be as large as a row is.
	changesAhead = 16
	// savePause is the least time between two times that the position is stored while changes come in.
	savePause = 500 * time.Millisecond
)

// batch is what is to be sent next: of each document what it is to be at last.
type batch struct {
	operations []operation
	at         map[[2]string]int
	bytes      int
}

func (b *batch) add(one operation) {
	key := [2]string{one.index, one.id}
	if b.at == nil {
		b.at = map[[2]string]int{}
	}
	if at, there := b.at[key]; there {
		b.bytes += one.size() - b.operations[at].size()
		b.operations[at] = one
		return
	}
	b.at[key] = len(b.operations)
	b.operations = append(b.operations, one)
	b.bytes += one.size()
}

func (b *batch) full() bool {
	return len(b.operations) >= batchOperations || b.bytes >= batchBytes
}

// stream sends the changes of a log as they come, and stores how far they came.
type stream struct {
	sync    *Sync
	source  *Source
	set     *gomysql.MysqlGTIDSet
	pending batch
	sent    time.Time
	saved   time.Time
	unsaved bool
	// last is the transaction of the last change that is pending.
	last *transaction
	// open says that this transaction has not ended yet, so that the documents may have a part of it.
	open     bool
	youngest time.Time
}

// run takes changes until there are no more; it fails with errTablesChanged where tables are to be read anew.
func (s *stream) run(ctx context.Context, changes <-chan change) error {
	tick := time.NewTicker(batchPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			// What has come is sent and stored, so that the next run knows where this one ended.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
			defer cancel()
			s.sync.position.Clean = !s.open
			return errors.Join(ctx.Err(), s.settle(last))
		case one, more := <-changes:
			if !more {
				return s.settle(ctx)
			}
			if err := s.take(ctx, one); err != nil {
				return err
			}
			if s.pending.full() {
				if err := s.flush(ctx); err != nil {
					return err
				}
			}
			if len(changes) > 0 {
				continue
			}
		case <-tick.C:
		}
		if time.Since(s.sent) >= batchPause {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
		if s.unsaved && len(s.pending.operations) == 0 && time.Since(s.saved) >= savePause {
			if err := s.save(ctx); err != nil {
				return err
			}
		}
	}
}

func (s *stream) take(ctx context.Context, one change) error {
	switch {
	case one.gtid != nil:
		s.set.AddGTID(one.gtid.server, one.gtid.number)
		s.unsaved, s.youngest, s.open = true, one.committed, false
		if len(one.statements) > 0 {
			return s.tablesChanged(ctx, one.statements)
		}
		return nil
	case one.fault != nil:
		if s.sync.follows(one.table) {
			s.sync.stop(one.table.String(), one.fault)
		}
		return nil
	}
	if !s.sync.follows(one.table) {
		return nil
	}
	doing := operation{table: one.table.String(), index: one.rule.Index, id: one.id, version: s.sync.nextVersion()}
	if one.row != nil {
		document, err := documentOf(one.rule, *one.layout, one.row)
		if err != nil {
			s.sync.stop(one.table.String(), err)
			return nil
		}
		doing.document = document
	}
	s.pending.add(doing)
	s.last, s.open = one.of, true
	return nil
}

func (s *stream) tablesChanged(ctx context.Context, done []statement) error {
	done = slices.DeleteFunc(done, func(one statement) bool { return !one.matters() })
	if len(done) == 0 {
		return nil
	}
	// A source that waits for an acknowledgement has told of it already, and shows its tables as they were before.
	if err := s.source.shows(ctx, s.set.String()); err != nil {
		return err
	}
	due := map[string]bool{}
	access := false
	for _, one := range done {
		names, err := s.sync.touched(ctx, s.source, one)
		if err != nil {
			return err
		}
		for _, name := range names {
			due[name] = true
		}
		access = access || one.isOfAccess()
	}
	if len(due) == 0 && !access {
		return nil
	}
	// What was before the statement is sent before its tables are read.
	if err := s.flush(ctx); err != nil {
		return err
	}
	for name := range due {
		s.sync.markDue(name)
	}
	if err := s.save(ctx); err != nil {
		return err
	}
	return errTablesChanged
}

func (s *stream) flush(ctx context.Context) error {
	if len(s.pending.operations) == 0 {
		return nil
	}
	operations := s.pending.operations
	s.pending = batch{}
	s.sync.seen = s.set.Clone().(*gomysql.MysqlGTIDSet)
	if s.last != nil {
		s.sync.seen.AddGTID(s.last.server, s.last.number)
	}
	err := s.sync.send(ctx, operations)
	s.sent = time.Now()
	s.sync.report.followed(len(operations), s.youngest)
	return err
}

// settle sends and stores what has come before the log broke off.
func (s *stream) settle(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	return s.save(ctx)
}

func (s *stream) save(ctx context.Context) error {
	s.sync.position.GTID = s.set.String()
	s.saved, s.unsaved = time.Now(), false
	return s.sync.save(ctx)
}
