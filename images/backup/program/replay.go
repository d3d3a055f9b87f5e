package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

// chooser tells whether a transaction is wanted.
type chooser func(name string, committed time.Time) (bool, error)

// replay executes what was committed between a set and a moment. The transactions get new numbers: those that they had are the source's already.
func (s *mysqlSystem) replay(ctx context.Context, from archive, part Part, segments []Segment, until time.Time) (int, error) {
	has, err := gtidSet(part.Executed)
	if err != nil {
		return 0, err
	}
	wanted := func(name string, committed time.Time) (bool, error) {
		one, err := gtidSet(name)
		return err == nil && !has.Contain(one) && !committed.After(until), err
	}
	total := 0
	for _, segment := range segments {
		count, err := s.replaySegment(ctx, from, segment, wanted)
		if err != nil {
			return total, fmt.Errorf("%s: %w", segment.File, err)
		}
		total += count
	}
	return total, nil
}

// replaySegment goes through three at once: what is wanted is chosen, mysqlbinlog makes statements of it, and the source executes them.
func (s *mysqlSystem) replaySegment(ctx context.Context, from archive, segment Segment, wanted chooser) (int, error) {
	file, err := from.target.open(ctx, segment.File)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return 0, err
	}
	events, eventsInto := io.Pipe()
	statements, statementsInto := io.Pipe()
	count := 0
	chosen, decoded := make(chan error, 1), make(chan error, 1)
	go func() {
		var err error
		count, err = chooseTransactions(bufio.NewReaderSize(unpacked, 1<<20), eventsInto, wanted)
		eventsInto.CloseWithError(err)
		chosen <- err
	}()
	go func() {
		command := exec.CommandContext(ctx, "mysqlbinlog", "--skip-gtids", "--force-if-open", "-")
		err := piped(command, events, statementsInto)
		events.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		statementsInto.CloseWithError(err)
		decoded <- err
	}()
	err = s.feed(ctx, statements)
	statements.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	err = errors.Join(err, <-decoded, <-chosen)
	return count, err
}

// accountStatement is one of who may do what: that is the stack's to say, and stays as it is today.
var accountStatement = regexp.MustCompile(`(?is)^\s*(/\*.*?\*/\s*)*((CREATE|ALTER|DROP|RENAME)\s+(USER|ROLE)|GRANT|REVOKE|SET\s+PASSWORD|SET\s+DEFAULT\s+ROLE)\b`)

// chooseTransactions copies a binary log with those transactions alone that are wanted and are of data.
func chooseTransactions(from io.Reader, into io.Writer, wanted chooser) (int, error) {
	magic := make([]byte, len(replication.BinLogFileHeader))
	if _, err := io.ReadFull(from, magic); err != nil {
		return 0, err
	}
	if _, err := into.Write(magic); err != nil {
		return 0, err
	}
	chosen := &selection{into: into, wanted: wanted, parser: replication.NewBinlogParser()}
	for {
		raw, err := readEvent(from)
		if errors.Is(err, io.EOF) {
			return chosen.count, nil
		}
		if err != nil {
			return chosen.count, err
		}
		if err := chosen.take(raw); err != nil {
			return chosen.count, err
		}
	}
}

// selection is what is chosen of a log, event by event.
type selection struct {
	into   io.Writer
	wanted chooser
	parser *replication.BinlogParser
	now    transaction
	// isWanted and ofData are of the present transaction; the beginning of one is held until it is known to be of data.
	isWanted, ofData bool
	held             []byte
	count            int
}

func (s *selection) take(raw []byte) error {
	inside, err := s.now.take(raw)
	if err != nil {
		return err
	}
	switch kindOf(raw) {
	case replication.FORMAT_DESCRIPTION_EVENT:
		// Both need it to understand what comes.
		if _, err := s.parser.Parse(raw); err != nil {
			return err
		}
		_, err := s.into.Write(raw)
		return err
	case replication.GTID_EVENT:
		s.held, s.ofData = s.held[:0], false
		if s.isWanted, err = s.wanted(s.now.name, s.now.committed); err != nil {
			return err
		}
	}
	if !inside || !s.isWanted {
		return nil
	}
	if s.ofData {
		_, err := s.into.Write(raw)
		return err
	}
	s.held = append(s.held, raw...)
	if s.ofData, err = isOfData(s.parser, raw); err != nil || !s.ofData {
		return err
	}
	s.count++
	_, err = s.into.Write(s.held)
	return err
}

// isOfData tells whether an event changes what the databases hold, and not who may do what or what the keeper notes.
func isOfData(parser *replication.BinlogParser, raw []byte) (bool, error) {
	switch kindOf(raw) {
	case replication.TRANSACTION_PAYLOAD_EVENT:
		return true, nil
	case replication.TABLE_MAP_EVENT, replication.QUERY_EVENT:
	default:
		return false, nil
	}
	event, err := parser.Parse(raw)
	if err != nil {
		return false, err
	}
	switch body := event.Event.(type) {
	case *replication.TableMapEvent:
		return !slices.Contains(systemSchemas, string(body.Schema)), nil
	case *replication.QueryEvent:
		query := string(body.Query)
		return query != "BEGIN" && query != "COMMIT" && !accountStatement.MatchString(query) && !slices.Contains(systemSchemas, string(body.Schema)), nil
	}
	return false, nil
}
