package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

var setTaken = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

func executed(last int) string {
	return fmt.Sprintf("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-%d", last)
}

// archiveOf has pieces that end each a minute after the one before, the first a minute before the set of the transactions 1 to 10 was taken.
func archiveOf(t *testing.T, bounds ...[2]int) archive {
	t.Helper()
	ctx := context.Background()
	log := archive{&folderTarget{root: t.TempDir()}, "shop-dev"}
	for at, bound := range bounds {
		content := fmt.Sprintf("piece %d", at)
		sums := newMeasure(&strings.Builder{})
		if _, err := sums.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		segment := Segment{
			Format: format, File: log.file(at + 1), Before: executed(bound[0]), After: executed(bound[1]),
			Until: setTaken.Add(time.Duration(at-1) * time.Minute), Transactions: bound[1] - bound[0], Size: sums.size, SHA256: sums.sum(),
		}
		if err := log.target.put(ctx, segment.File, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		if err := log.note(ctx, segment); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestPiecesLeadFromASetToAMoment(t *testing.T) {
	part := Part{Executed: executed(10), At: setTaken}
	whole := archiveOf(t, [2]int{1, 9}, [2]int{9, 12}, [2]int{12, 20}, [2]int{20, 30})
	gap := archiveOf(t, [2]int{1, 9}, [2]int{9, 12}, [2]int{15, 20})
	damaged := archiveOf(t, [2]int{9, 12}, [2]int{12, 20})
	if err := damaged.target.put(context.Background(), damaged.file(2), strings.NewReader("piece 9")); err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		log    archive
		until  time.Duration
		pieces int
		words  string
	}{
		{whole, -time.Second, 1, ""},
		{whole, 30 * time.Second, 2, ""},
		{whole, 2 * time.Minute, 3, ""},
		{whole, 3 * time.Minute, 0, "is there up to 2026-11-29T03:02:00Z only"},
		{gap, -time.Second, 1, ""},
		{gap, 30 * time.Second, 0, "has a gap behind 2026-11-29T03:00:00Z"},
		{damaged, 0, 0, "is damaged"},
	} {
		segments, err := each.log.covers(context.Background(), part, setTaken.Add(each.until))
		if each.words == "" && (err != nil || len(segments) != each.pieces) {
			t.Errorf("%s: %d pieces, %v", each.until, len(segments), err)
		}
		if each.words != "" && (err == nil || !strings.Contains(err.Error(), each.words)) {
			t.Errorf("%s: %v", each.until, err)
		}
	}
}

func TestGapIsNotHiddenWhereNothingHasHappenedSinceTheNewestSet(t *testing.T) {
	ctx := context.Background()
	older := Part{Executed: executed(10), At: setTaken}
	log := archiveOf(t, [2]int{1, 9}, [2]int{9, 12})
	newest := Part{Executed: executed(20), At: setTaken.Add(time.Hour)}
	// As a source answers that has purged what is behind the last piece, and has executed nothing since the newest set.
	now := newest.At
	quiet := func(_ context.Context, segment *Segment) (bool, error) {
		if segment.Before != newest.Executed {
			return false, errPurged
		}
		now = now.Add(time.Minute)
		segment.Until = now
		return false, nil
	}
	for range 2 {
		if err := log.extend(ctx, quiet, newest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.covers(ctx, older, setTaken.Add(30*time.Minute)); err == nil || !strings.Contains(err.Error(), "has a gap behind 2026-11-29T03:00:00Z") {
		t.Errorf("over the gap: %v", err)
	}
	if segments, err := log.covers(ctx, newest, newest.At.Add(90*time.Second)); err != nil || len(segments) != 0 {
		t.Errorf("behind the gap: %d pieces, %v", len(segments), err)
	}
	if notes, err := log.notes(ctx); err != nil || len(notes) != 3 {
		t.Errorf("%d notes, %v", len(notes), err)
	}
}
