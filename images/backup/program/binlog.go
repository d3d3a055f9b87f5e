package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// segmentLimit is about how much of the log is in one segment, in bytes before it is packed.
const segmentLimit = 32 << 20

// errPurged says that the source no longer has the log from where it was asked for.
var errPurged = errors.New("the source has purged the log that comes next")

// taker takes the log behind what a piece begins after into the archive, up to what is executed now or to a limit, and tells whether there is more.
type taker func(ctx context.Context, segment *Segment) (bool, error)

// extend takes into the archive what the source has executed and it has not. It goes on from the last piece, or from what the newest set has.
func (a archive) extend(ctx context.Context, take taker, newest Part) error {
	last, going, err := a.last(ctx)
	if err != nil {
		return err
	}
	from, number := newest.Executed, 1
	if going {
		from, number = last.After, last.next()
	}
	for more := true; more; number++ {
		segment := Segment{Format: format, File: a.file(number), Before: from, After: from}
		more, err = take(ctx, &segment)
		if errors.Is(err, errPurged) && from != newest.Executed {
			// The log between is lost, so what is behind the newest set begins anew, with a piece of its own even where nothing has happened
			// since: the last one ends before the gap, and a replay over it is refused.
			from, going, more = newest.Executed, false, true
			continue
		}
		if err != nil {
			return err
		}
		if segment.Transactions == 0 && going {
			// Nothing happened: the last piece reaches further now, and there is no new one.
			last.Until = segment.Until
			return a.note(ctx, last)
		}
		if err := a.note(ctx, segment); err != nil {
			return err
		}
		last, going, from = segment, true, segment.After
	}
	return nil
}

// piece is the taker for a system's source. Where nothing was executed there is no file.
func (a archive) piece(ctx context.Context, system *mysqlSystem, segment *Segment) (bool, error) {
	source, err := system.source(ctx)
	if err != nil {
		return false, err
	}
	defer source.pool.Close()
	segment.Until = time.Now().UTC()
	goal, err := source.text(ctx, "SELECT @@global.gtid_executed")
	if err != nil {
		return false, err
	}
	if nothing, err := source.text(ctx, "SELECT GTID_SUBSET(?, ?)", goal, segment.Before); err != nil || nothing == "1" {
		return false, err
	}
	if kept, err := source.text(ctx, "SELECT GTID_SUBSET(@@global.gtid_purged, ?)", segment.Before); err != nil || kept == "0" {
		return false, errors.Join(err, errPurged)
	}
	syncer, err := system.follower(source.address)
	if err != nil {
		return false, err
	}
	defer syncer.Close()
	return a.store(ctx, syncer, goal, segment)
}

// store writes the piece's file while the log is read: however large a transaction is, it is never in memory as a whole.
func (a archive) store(ctx context.Context, syncer *replication.BinlogSyncer, goal string, segment *Segment) (bool, error) {
	reader, writer := io.Pipe()
	stored := make(chan error, 1)
	go func() {
		err := a.target.put(ctx, segment.File, reader)
		reader.CloseWithError(err)
		stored <- err
	}()
	measured := newMeasure(writer)
	packer := gzip.NewWriter(measured)
	more, err := copyLog(ctx, syncer, goal, segment, packer)
	if err == nil {
		err = packer.Close()
	}
	writer.CloseWithError(err)
	if fault := <-stored; err == nil {
		err = fault
	}
	segment.Size, segment.SHA256 = measured.size, measured.sum()
	return more, err
}

// copyLog copies whole transactions as the source sends them.
func copyLog(ctx context.Context, syncer *replication.BinlogSyncer, goal string, segment *Segment, into io.Writer) (bool, error) {
	have, err := gtidSet(segment.Before)
	if err != nil {
		return false, err
	}
	wanted, err := gtidSet(goal)
	if err != nil {
		return false, err
	}
	stream, err := syncer.StartSyncGTID(have.Clone())
	if err != nil {
		return false, err
	}
	if _, err := into.Write(replication.BinLogFileHeader); err != nil {
		return false, err
	}
	var now transaction
	described, size := false, 0
	for !have.Contain(wanted) {
		event, err := stream.GetEvent(ctx)
		if err != nil {
			return false, fmt.Errorf("the log of the source: %w", err)
		}
		inside, err := now.take(event.RawData)
		if err != nil {
			return false, err
		}
		// One description is enough: all of a source's files are of one format.
		if isFirst := !described && kindOf(event.RawData) == replication.FORMAT_DESCRIPTION_EVENT; !inside && !isFirst {
			continue
		}
		described = true
		if _, err := into.Write(event.RawData); err != nil {
			return false, err
		}
		if size += len(event.RawData); !inside || now.left > 0 {
			continue
		}
		if err := have.Update(now.name); err != nil {
			return false, err
		}
		segment.Transactions++
		segment.After = have.String()
		if size > segmentLimit {
			return !have.Contain(wanted), nil
		}
	}
	return false, nil
}

// follower is a reader of a server's log.
func (s *mysqlSystem) follower(address string) (*replication.BinlogSyncer, error) {
	password, err := s.secrets.secret(mysqlPasswordFile)
	if err != nil {
		return nil, err
	}
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	return replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: s.config.ServerID, Flavor: gomysql.MySQLFlavor,
		Host: host, Port: uint16(port), User: s.config.User, Password: password,
		TLSConfig:      ownCertificate(),
		RawModeEnabled: true, DisableRetrySync: true,
		HeartbeatPeriod: 5 * time.Second, ReadTimeout: 30 * time.Second,
		Logger: slog.New(slog.DiscardHandler),
	}), nil
}
