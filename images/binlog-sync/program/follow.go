package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/uuid"
)

// change is what one row's change asks of the documents, or the end of a transaction, or a change of tables.
type change struct {
	table  table
	rule   *Rule
	layout *layout
	// row is nil where the row is gone.
	row []any
	id  string
	// fault is why the table cannot be followed any more.
	fault error
	// gtid ends a transaction, which was committed at a moment.
	gtid      *transaction
	committed time.Time
	// statements are changes of tables, or of rows that are not in the log; gtid is theirs.
	statements []statement
	// of is the transaction that a row's change is part of.
	of *transaction
}

type transaction struct {
	server uuid.UUID
	number int64
}

// heartbeat is how often a source with nothing to tell says so; one that says nothing for several of them is taken for gone.
const (
	heartbeat     = time.Second
	silenceBroken = 5 * time.Second
)

// follower reads the log of a source.
type follower struct {
	config   Config
	charsets map[uint64]string
	// layouts by the number that the log has for a table; another layout has another number.
	layouts map[uint64]*knownTable
	now     *transaction
	moment  time.Time
	// foreign says that the rows are part of a distributed transaction, of which nobody knows yet whether it will be.
	foreign bool
	// unread are statements of the present transaction whose rows are not in the log.
	unread []statement
}

type knownTable struct {
	table  table
	rule   *Rule
	layout *layout
	fault  error
}

// follow hands over changes in the order of the log, from behind a set of transactions, until the source breaks off.
func (f *follower) follow(ctx context.Context, source *Source, from string, each func(change) error) error {
	password, err := f.config.password()
	if err != nil {
		return err
	}
	host, port, err := hostAndPort(source.address)
	if err != nil {
		return err
	}
	set, err := gomysql.ParseMysqlGTIDSet(from)
	if err != nil {
		return fmt.Errorf("the position %q: %w", from, err)
	}
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: f.config.ServerID, Flavor: gomysql.MySQLFlavor,
		Host: host, Port: port, User: f.config.User, Password: password, TLSConfig: ownCertificate(),
		HeartbeatPeriod: heartbeat, ReadTimeout: silenceBroken,
		// Who the source is may have changed: it is looked for anew.
		DisableRetrySync: true,
		// As the queries of a snapshot have it.
		TimestampStringLocation: time.UTC,
		// Few, since one may be as large as a row is.
		EventCacheCount: 4,
		Logger:          slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	defer syncer.Close()
	streamer, err := syncer.StartSyncGTID(set)
	if err != nil {
		return err
	}
	f.layouts, f.now, f.foreign, f.unread = map[uint64]*knownTable{}, nil, false, nil
	for {
		event, err := streamer.GetEvent(ctx)
		if err != nil {
			return err
		}
		if err := f.handle(event, each); err != nil {
			return err
		}
	}
}

func (f *follower) handle(event *replication.BinlogEvent, each func(change) error) error {
	if event.Header.EventType == replication.XA_PREPARE_LOG_EVENT {
		f.foreign = false
		if isOnePhase(event) {
			return f.commit(each, statement{text: distributedCommit})
		}
		return f.commit(each)
	}
	switch event := event.Event.(type) {
	case *replication.FormatDescriptionEvent:
		// A server that was started anew numbers its tables anew.
		clear(f.layouts)
	case *replication.GTIDEvent:
		return f.begin(event)
	case *replication.GtidTaggedLogEvent:
		return f.begin(&event.GTIDEvent)
	case *replication.TransactionPayloadEvent:
		for _, inner := range event.Events {
			if err := f.handle(inner, each); err != nil {
				return err
			}
		}
	case *replication.RowsEvent:
		return f.rows(event, each)
	case *replication.XIDEvent:
		return f.commit(each)
	case *replication.QueryEvent:
		switch text := plainText(string(event.Query)); statementKind(text) {
		case statementBegin:
			return nil
		case statementCommit:
			return f.commit(each)
		case statementDistributed:
			f.foreign = true
			return nil
		case statementOfRows:
			// Its session has another format; the transaction goes on.
			f.unread = append(f.unread, statement{schema: string(event.Schema), text: text})
			return nil
		default:
			return f.commit(each, statement{schema: string(event.Schema), text: text})
		}
	}
	return nil
}

// isOnePhase tells whether a distributed transaction is committed by its own end: the first byte of the event (MySQL's XA_prepare_event).
func isOnePhase(event *replication.BinlogEvent) bool {
	generic, ok := event.Event.(*replication.GenericEvent)
	return ok && len(generic.Data) > 0 && generic.Data[0] != 0
}

func (f *follower) begin(event *replication.GTIDEvent) error {
	if event.Tag != "" {
		return fmt.Errorf("the log has the GTID tag %q, and tags are not followed; set gtid_next = AUTOMATIC without one", event.Tag)
	}
	server, err := uuid.FromBytes(event.SID)
	f.now, f.moment = &transaction{server, event.GNO}, event.OriginalCommitTime()
	return err
}

func (f *follower) commit(each func(change) error, done ...statement) error {
	if f.now == nil {
		return nil
	}
	end := change{gtid: f.now, committed: f.moment, statements: append(f.unread, done...)}
	f.now, f.unread = nil, nil
	return each(end)
}

func (f *follower) rows(event *replication.RowsEvent, each func(change) error) error {
	known, err := f.known(event.Table)
	if err != nil || known.rule == nil || f.foreign {
		return err
	}
	fault := known.fault
	for _, skipped := range event.SkippedColumns {
		if len(skipped) > 0 {
			fault = errPartialRows
		}
	}
	if fault == nil && event.Type() == replication.EnumRowsEventTypeUnknown {
		fault = errPartialRows
	}
	if fault != nil {
		return each(change{table: known.table, rule: known.rule, fault: fault})
	}
	send := func(raw []any, gone bool) error {
		row := make([]any, len(raw))
		for at, column := range known.layout.columns {
			if at >= len(raw) {
				break
			}
			if row[at], err = column.ofLog(raw[at]); err != nil {
				return each(change{table: known.table, rule: known.rule, fault: err})
			}
		}
		id, err := idOf(known.rule.prefix(known.table.schema, known.table.name), *known.layout, row)
		if err != nil {
			return each(change{table: known.table, rule: known.rule, fault: err})
		}
		if gone {
			row = nil
		}
		return each(change{table: known.table, rule: known.rule, layout: known.layout, row: row, id: id, of: f.now})
	}
	switch event.Type() {
	case replication.EnumRowsEventTypeDelete:
		for _, row := range event.Rows {
			if err := send(row, true); err != nil {
				return err
			}
		}
	case replication.EnumRowsEventTypeInsert:
		for _, row := range event.Rows {
			if err := send(row, false); err != nil {
				return err
			}
		}
	case replication.EnumRowsEventTypeUpdate:
		// Rows before and after; where the key has changed the document of the one before goes.
		for at := 0; at+1 < len(event.Rows); at += 2 {
			if !sameKey(known.layout, event.Rows[at], event.Rows[at+1]) {
				if err := send(event.Rows[at], true); err != nil {
					return err
				}
			}
			if err := send(event.Rows[at+1], false); err != nil {
				return err
			}
		}
	}
	return nil
}

var errPartialRows = errors.New("the log has parts of its rows alone: a session has set binlog_row_image or binlog_row_value_options; have it leave them as they are, and restart this service")

func sameKey(is *layout, before, after []any) bool {
	for _, at := range is.key {
		if forKey(before[at]) != forKey(after[at]) {
			return false
		}
	}
	return true
}

func (f *follower) known(event *replication.TableMapEvent) (*knownTable, error) {
	if known, ok := f.layouts[event.TableID]; ok {
		return known, nil
	}
	known := &knownTable{table: table{string(event.Schema), string(event.Table)}}
	f.layouts[event.TableID] = known
	rule, err := f.config.rule(known.table.schema, known.table.name)
	if err != nil {
		// Two rules: the table is not begun with, see tables.
		return known, nil
	}
	if rule == nil {
		return known, nil
	}
	is, err := layoutOfLog(event, f.charsets)
	if err == nil {
		err = is.check(rule)
	}
	known.rule, known.layout, known.fault = rule, &is, err
	return known, nil
}
