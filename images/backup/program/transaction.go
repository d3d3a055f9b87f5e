package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
)

// transaction is the one that the events of a log are of, as they come.
type transaction struct {
	// name is its GTID.
	name      string
	committed time.Time
	// left is how much of it is still to come, in bytes.
	left uint64
}

// take goes on by one event, and tells whether that is part of a transaction.
func (t *transaction) take(raw []byte) (bool, error) {
	switch kindOf(raw) {
	case replication.GTID_EVENT:
		if err := t.begin(raw); err != nil {
			return false, err
		}
	case replication.GTID_TAGGED_LOG_EVENT:
		return false, errors.New("the log has transactions with tags, which are not read")
	}
	inside := t.left > 0
	t.left -= min(t.left, uint64(len(raw)))
	return inside, nil
}

func (t *transaction) begin(raw []byte) error {
	gtid := &replication.GTIDEvent{}
	if err := gtid.Decode(raw[replication.EventHeaderSize:]); err != nil {
		return err
	}
	set, err := gtid.GTIDNext()
	if err != nil {
		return err
	}
	*t = transaction{set.String(), gtid.ImmediateCommitTime(), gtid.TransactionLength}
	return nil
}

func kindOf(raw []byte) replication.EventType { return replication.EventType(raw[4]) }

// readEvent reads the next event of a file of the log.
func readEvent(from io.Reader) ([]byte, error) {
	head := make([]byte, replication.EventHeaderSize)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[9:])
	if size < replication.EventHeaderSize {
		return nil, errors.New("an event of the log is shorter than its head")
	}
	raw := make([]byte, size)
	copy(raw, head)
	if _, err := io.ReadFull(from, raw[replication.EventHeaderSize:]); err != nil {
		return nil, fmt.Errorf("the log ends within an event: %w", err)
	}
	return raw, nil
}
