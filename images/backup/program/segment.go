package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
)

// Segment is a piece of the source's binary log, of whole transactions: each begins where the one before ends. One without transactions has no file.
type Segment struct {
	Format int    `json:"format"`
	File   string `json:"file"`
	// Before are the transactions that were in the archive or a set before, After those with it.
	Before string `json:"before"`
	After  string `json:"after"`
	// Until is when its end was the end of the log: all that was committed before is in it.
	Until        time.Time `json:"until"`
	Transactions int       `json:"transactions"`
	Size         int64     `json:"size"`
	SHA256       string    `json:"sha256"`
}

// archive is the binary log of one stack's MySQL in a target.
type archive struct {
	target Target
	stack  string
}

const (
	noteSuffix = ".json"
	logSuffix  = ".binlog.gz"
)

func (a archive) folder() string { return path.Join("binlog", a.stack) }

func (a archive) file(number int) string {
	return path.Join(a.folder(), fmt.Sprintf("%010d%s", number, logSuffix))
}

// next is the number of the piece behind this one.
func (s Segment) next() int {
	number, _ := strconv.Atoi(strings.TrimSuffix(path.Base(s.File), logSuffix))
	return number + 1
}

// notes are the names of what tells of the pieces, in order.
func (a archive) notes(ctx context.Context) ([]string, error) {
	names, err := a.target.files(ctx, a.folder())
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, noteSuffix) }), err
}

func (a archive) segment(ctx context.Context, note string) (Segment, error) {
	var segment Segment
	text, err := readAll(ctx, a.target, note)
	if err != nil {
		return segment, err
	}
	if err := json.Unmarshal(text, &segment); err != nil {
		return segment, fmt.Errorf("the piece %s of the binary log is damaged: %w", note, err)
	}
	if segment.Format != format {
		return segment, fmt.Errorf("the piece %s of the binary log has the format %d, and this Dockyard reads %d", note, segment.Format, format)
	}
	return segment, nil
}

// last is the last piece, where there is one.
func (a archive) last(ctx context.Context) (Segment, bool, error) {
	notes, err := a.notes(ctx)
	if err != nil || len(notes) == 0 {
		return Segment{}, false, err
	}
	segment, err := a.segment(ctx, notes[len(notes)-1])
	return segment, err == nil, err
}

// note writes what a piece is; its file is there already.
func (a archive) note(ctx context.Context, segment Segment) error {
	text, err := json.MarshalIndent(segment, "", "  ")
	if err != nil {
		return err
	}
	return a.target.put(ctx, strings.TrimSuffix(segment.File, logSuffix)+noteSuffix, bytes.NewReader(append(text, '\n')))
}

func gtidSet(text string) (*gomysql.MysqlGTIDSet, error) {
	set, err := gomysql.ParseMysqlGTIDSet(text)
	if err != nil {
		return nil, err
	}
	return set.(*gomysql.MysqlGTIDSet), nil
}

// prune removes what no set needs any more: what is older than the oldest one.
func (a archive) prune(ctx context.Context, oldest Part) error {
	notes, err := a.notes(ctx)
	if err != nil {
		return err
	}
	has, err := gtidSet(oldest.Executed)
	if err != nil {
		return err
	}
	for at, note := range notes {
		segment, err := a.segment(ctx, note)
		if err != nil {
			return err
		}
		after, err := gtidSet(segment.After)
		if err != nil {
			return err
		}
		// The last piece is what the next one goes on from. Pieces of servers that were there before are known by their time alone.
		if at == len(notes)-1 || (!has.Contain(after) && !segment.Until.Before(oldest.At)) {
			return nil
		}
		if err := a.target.remove(ctx, note); err != nil {
			return err
		}
		if err := a.target.remove(ctx, segment.File); err != nil {
			return err
		}
	}
	return nil
}

// covers finds the pieces that lead from a set to a moment, and verifies each.
func (a archive) covers(ctx context.Context, part Part, until time.Time) ([]Segment, error) {
	notes, err := a.notes(ctx)
	if err != nil {
		return nil, err
	}
	way, err := newWay(part)
	if err != nil {
		return nil, err
	}
	var needed []Segment
	for _, note := range notes {
		segment, err := a.segment(ctx, note)
		if err != nil {
			return nil, err
		}
		if leads, err := way.take(segment); err != nil {
			return nil, err
		} else if !leads {
			continue
		}
		// One in which nothing happened has no file.
		if segment.Transactions > 0 {
			if err := verify(ctx, a.target, segment.File, segment.Size, segment.SHA256); err != nil {
				return nil, fmt.Errorf("the binary log %w", err)
			}
			needed = append(needed, segment)
		}
		if way.reached.After(until) {
			break
		}
	}
	if way.reached.Before(until) {
		return nil, fmt.Errorf("--until: the binary log is there up to %s only", way.reached.Format(time.RFC3339))
	}
	return needed, nil
}

// way leads from a set to later moments, piece by piece.
type way struct {
	part Part
	// has is what the set has, and known what has been met besides.
	has, known *gomysql.MysqlGTIDSet
	reached    time.Time
}

func newWay(part Part) (*way, error) {
	has, err := gtidSet(part.Executed)
	if err != nil {
		return nil, err
	}
	return &way{part, has, has.Clone().(*gomysql.MysqlGTIDSet), part.At}, nil
}

// take goes on by the next piece, and tells whether it leads on from the set; a gap before it is an error.
func (w *way) take(segment Segment) (bool, error) {
	before, err := gtidSet(segment.Before)
	if err != nil {
		return false, err
	}
	after, err := gtidSet(segment.After)
	if err != nil {
		return false, err
	}
	// What is in pieces that end before the set was taken leads to it, or is of servers that were there before: none of it is missing.
	isOld := segment.Until.Before(w.part.At) || w.has.Contain(after)
	if !isOld && !w.known.Contain(before) {
		return false, fmt.Errorf("--until: the binary log has a gap behind %s, which the source had purged before it was taken; no later moment can be reached from this set", w.reached.Format(time.RFC3339))
	}
	if err := w.known.Add(*after); err != nil {
		return false, err
	}
	if segment.Until.After(w.reached) {
		w.reached = segment.Until
	}
	return !isOld, nil
}
