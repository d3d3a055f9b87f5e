package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// load reads the tables that are due, one after the other.
func (s *Sync) load(ctx context.Context, source *Source) error {
	for _, name := range slices.Sorted(maps.Keys(s.position.Tables)) {
		state := s.position.Tables[name]
		if state.State != tableDue {
			continue
		}
		s.report.loading(name)
		began, version := time.Now(), s.nextVersion()
		rows, err := s.loadTable(ctx, source, name, state)
		var fault *tableFault
		if errors.As(err, &fault) {
			s.stop(name, fault.error)
		} else if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if state.State == tableDue {
			// What was there before and is not in the table.
			if err := s.sweep(ctx, state, version); err != nil {
				return err
			}
			if err := s.sweepLeft(ctx, state, version); err != nil {
				return err
			}
			state.State, state.LoadSeconds = tableFollowed, time.Since(began).Seconds()
			s.report.tables(s.position.Tables)
			log.Printf("%s: %d rows read in %.1f s", name, rows, state.LoadSeconds)
		}
		executed, err := source.executed(ctx)
		if err != nil {
			return err
		}
		if err := s.sees(executed); err != nil {
			return err
		}
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sees notes transactions that the documents may have.
func (s *Sync) sees(set string) error {
	also, err := gomysql.ParseMysqlGTIDSet(set)
	if err != nil {
		return err
	}
	if s.seen != nil {
		if err := also.(*gomysql.MysqlGTIDSet).Add(*s.seen); err != nil {
			return err
		}
	}
	s.seen = also.(*gomysql.MysqlGTIDSet)
	return nil
}

// tableFault is why one table cannot be carried, while the others can.
type tableFault struct{ error }

func (s *Sync) loadTable(ctx context.Context, source *Source, name string, state *TableState) (int, error) {
	of := tableNamed(name)
	rule, err := s.config.rule(of.schema, of.name)
	if err != nil || rule == nil {
		return 0, errors.Join(err, errTablesChanged)
	}
	// The next rows are read while a batch is on its way.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan []operation, 1)
	read := make(chan error, 1)
	rows := 0
	go func() {
		defer close(batches)
		var next batch
		hand := func() error {
			select {
			case batches <- next.operations:
				next = batch{}
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := source.snapshot(ctx, of,
			func(is layout) error {
				if err := is.check(rule); err != nil {
					return &tableFault{err}
				}
				return source.checkCascades(ctx, of)
			},
			func(is layout, row []any) error {
				id, err := idOf(state.Prefix, is, row)
				if err != nil {
					return &tableFault{err}
				}
				document, err := documentOf(rule, is, row)
				if err != nil {
					return &tableFault{err}
				}
				rows++
				next.add(operation{table: name, index: rule.Index, id: id, version: s.nextVersion(), document: document})
				if next.full() {
					return hand()
				}
				return nil
			})
		if err == nil && len(next.operations) > 0 {
			err = hand()
		}
		read <- err
	}()
	for operations := range batches {
		if err := s.send(ctx, operations); err != nil {
			return 0, err
		}
		s.report.loaded(len(operations))
		if state.State == tableStopped {
			return 0, nil
		}
	}
	return rows, <-read
}

// sweep takes out the documents of a table that are older than a version.
func (s *Sync) sweep(ctx context.Context, state *TableState, version int64) error {
	return s.takeOut(ctx, state.Index, version, func(id string) bool { return strings.HasPrefix(id, state.Prefix) })
}

// sweepLeft takes out the documents that a table had where it has none any more. An index that no rule names stays as it is.
func (s *Sync) sweepLeft(ctx context.Context, state *TableState, version int64) error {
	for _, left := range state.Left {
		if !slices.Contains(s.indices(), left.Index) {
			continue
		}
		// Ids without a table's name were the only ones of their index.
		var others []string
		for _, other := range s.position.Tables {
			if other.Index == left.Index {
				others = append(others, other.Prefix)
			}
		}
		err := s.takeOut(ctx, left.Index, version, func(id string) bool {
			if left.Prefix != "" {
				return strings.HasPrefix(id, left.Prefix)
			}
			return !slices.ContainsFunc(others, func(prefix string) bool { return strings.HasPrefix(id, prefix) })
		})
		if err != nil {
			return err
		}
	}
	state.Left = nil
	return nil
}

func (s *Sync) takeOut(ctx context.Context, index string, version int64, ours func(id string) bool) error {
	err := s.elastic.older(ctx, index, version, ours, func(ids []string) error {
		operations := make([]operation, len(ids))
		for at, id := range ids {
			operations[at] = operation{index: index, id: id, version: s.nextVersion()}
		}
		_, err := s.elastic.write(ctx, operations, s.report.elastic)
		return err
	})
	if isStatus(err, 404) {
		return nil
	}
	return err
}
