package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
)

// survey looks which tables there are: new ones are due, and of those that are gone the documents go.
func (s *Sync) survey(ctx context.Context, source *Source) error {
	tables, err := source.tables(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, one := range tables {
		rule, err := s.config.rule(one.schema, one.name)
		name := one.String()
		if err != nil {
			there[name] = true
			s.position.Tables[name] = &TableState{State: tableStopped, Error: err.Error()}
			continue
		}
		if rule == nil {
			continue
		}
		there[name] = true
		now := rule.begins(one)
		before, known := s.position.Tables[name]
		switch {
		case known && before.Rule == now.Rule:
			if before.State == tableStopped && before.Error == errNoAccess.Error() {
				s.markDue(name)
			}
			continue
		case known && (before.Index != now.Index || before.Prefix != now.Prefix):
			now.Left = append(before.Left, place{before.Index, before.Prefix})
		}
		s.position.Tables[name] = now
	}
	for name, state := range s.position.Tables {
		if there[name] {
			continue
		}
		// One that no rule names any more is forgotten, and its documents stay as they are.
		gone := tableNamed(name)
		if rule, err := s.config.rule(gone.schema, gone.name); err == nil && rule != nil && rule.Index == state.Index {
			isGone, err := source.lacks(ctx, gone)
			if err != nil {
				return err
			}
			if !isGone {
				s.stop(name, errNoAccess)
				continue
			}
			log.Printf("%s is gone, and so are its documents", name)
			if err := s.sweep(ctx, state, s.nextVersion()); err != nil {
				return err
			}
		}
		delete(s.position.Tables, name)
	}
	s.report.unmatched(s.unmatched(tables))
	s.report.tables(s.position.Tables)
	return nil
}

// unmatched are the patterns of tables that no table of the source has.
func (s *Sync) unmatched(tables []table) []string {
	var patterns []string
	for at := range s.config.Rules {
		rule := &s.config.Rules[at]
		if !slices.ContainsFunc(tables, func(one table) bool { return rule.matches(one.schema, one.name) }) {
			patterns = append(patterns, rule.Tables)
		}
	}
	return patterns
}

// ensureIndices has every index as it is declared; one that is another than before gets all of its tables anew.
func (s *Sync) ensureIndices(ctx context.Context) error {
	for _, index := range s.indices() {
		id, err := s.elastic.ensureIndex(ctx, index, s.config.Name, s.config.Indices[index])
		if isStatus(err, 400) || errors.Is(err, errForeignIndex) {
			for name, state := range s.position.Tables {
				if state.Index == index {
					s.stop(name, fmt.Errorf("its index %s cannot be made as it is declared: %w; change indices, or take the index away, and restart this service", index, err))
				}
			}
			delete(s.position.Indices, index)
			continue
		}
		if err != nil {
			return err
		}
		if s.position.Indices[index] != id {
			for name, state := range s.position.Tables {
				if state.Index == index && state.State != tableStopped {
					s.markDue(name)
				}
			}
			s.position.Indices[index] = id
		}
	}
	return nil
}

// indices are the names of those that tables lead to.
func (s *Sync) indices() []string {
	names := map[string]bool{}
	for _, rule := range s.config.Rules {
		names[rule.Index] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// touched are the tables that a statement may have changed in another way than by rows, or that it may have made.
func (s *Sync) touched(ctx context.Context, source *Source, done statement) ([]string, error) {
	var names []string
	for name, state := range s.position.Tables {
		if done.touches(tableNamed(name)) && !(done.makes() && state.State == tableFollowed) {
			names = append(names, name)
		}
	}
	if !done.ofTables() {
		return names, nil
	}
	tables, err := source.tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range tables {
		if _, known := s.position.Tables[one.String()]; known || !done.touches(one) {
			continue
		}
		rule, err := s.config.rule(one.schema, one.name)
		if err == nil && rule != nil {
			s.position.Tables[one.String()] = rule.begins(one)
			names = append(names, one.String())
		}
	}
	return names, nil
}

// errNoAccess says that a table may be there, but not for the user.
var errNoAccess = errors.New("the user of this service may not read it; grant SELECT on it")
