package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func sealedManifest(t *testing.T, manifest Manifest) []byte {
	t.Helper()
	text, err := manifest.sealed()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestManifestIsReadAsItWasWrittenAlone(t *testing.T) {
	id := newID("shop-dev", time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC))
	text := sealedManifest(t, Manifest{Format: format, ID: id, Stack: "shop-dev", Parts: []Part{{System: systemMysql, Size: 7}}})
	if read, err := readManifest(id, text); err != nil || read.Parts[0].Size != 7 {
		t.Fatal(read, err)
	}
	for _, each := range []struct{ from, to, words string }{
		{`"size": 7`, `"size": 8`, "is not as it was written"},
		{"shop-dev", "shop-prod", "is not as it was written"},
		{`"size"`, "", "cannot be read"},
		{`"format": 1`, `"format": 0`, "format 0 of an older"},
		{`"format": 1`, `"format": 2`, "format 2 of a newer"},
	} {
		spoilt := strings.Replace(string(text), each.from, each.to, 1)
		if _, err := readManifest(id, []byte(spoilt)); err == nil || !strings.Contains(err.Error(), each.words) {
			t.Errorf("%s: %v", each.to, err)
		}
	}
	if _, err := readManifest(newID("other", time.Now()), text); err == nil {
		t.Error("another set's manifest was taken")
	}
}

func TestIDsOfStacksDifferAtTheSameMoment(t *testing.T) {
	now := time.Now()
	a, b := newID("shop-dev", now), newID("shop-prod", now)
	if a == b || !setID.MatchString(a) || !setID.MatchString(b) {
		t.Fatal(a, b)
	}
	if began, err := beganOf(a); err != nil || began.Unix() != now.Unix() {
		t.Fatal(began, err)
	}
}

func TestOldestAreSurplusAndThoseOfRestoresCountByThemselves(t *testing.T) {
	manifests := []Manifest{{ID: "1", Reason: reasonScheduled}, {ID: "2", Reason: reasonSafety}, {ID: "3", Reason: reasonAsked}, {ID: "4", Reason: reasonScheduled}}
	if going := surplus(manifests, 2); !slices.Equal(going, []string{"1"}) {
		t.Fatal(going)
	}
	if going := surplus(manifests, 3); len(going) > 0 {
		t.Fatal(going)
	}
}

func TestMissedSetIsDueAtOnce(t *testing.T) {
	keeper := Keeper{config: Config{Schedule: "0 3 * * *"}}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	yesterday := Manifest{Reason: reasonScheduled, Began: now.Add(-24 * time.Hour)}
	asked := Manifest{Reason: reasonAsked, Began: now}
	if due := keeper.next([]Manifest{yesterday, asked}, now); due.After(now) {
		t.Fatal(due)
	}
	if due := keeper.next(nil, now); !due.Equal(time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)) {
		t.Fatal(due)
	}
}

func TestOlderSoftwareIsRefused(t *testing.T) {
	for running, refused := range map[string]bool{"8.4.1": true, "9.6": true, "9.7.4": false, "9.7.9": false, "10.0.0": false} {
		if err := refuseOlder("MySQL", running, "9.7.4"); (err != nil) != refused {
			t.Errorf("%s: %v", running, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for pattern, name := range map[string]string{"goods:*": "goods:1", "*-position": "a-position", "a*c*e": "abcde", "plain": "plain"} {
		if !globMatch(pattern, name) || globMatch(pattern, "x"+name[1:]+"y") {
			t.Error(pattern)
		}
	}
}

func TestDraftIsNoSetUntilItIsCommitted(t *testing.T) {
	ctx := context.Background()
	target := &folderTarget{root: t.TempDir(), stack: "shop-dev"}
	id := newID("shop-dev", time.Now())
	draft, err := target.begin(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := target.sets(ctx); err != nil || len(ids) > 0 {
		t.Fatal(ids, err)
	}
	// It was cut here, and is swept; that of another stack is not.
	if err := os.Mkdir(filepath.Join(target.root, draftPrefix+"shop-prod-"+id), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := target.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(target.root)
	if err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}
	if err := draft.discard(); err != nil {
		t.Fatal(err)
	}
	draft, err = target.begin(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := draft.commit([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if ids, err := target.sets(ctx); err != nil || !slices.Equal(ids, []string{id}) {
		t.Fatal(ids, err)
	}
}

func TestDumpStaysInTheLogAndIsWholeOrRefused(t *testing.T) {
	for _, set := range []string{"/*!80000 '+'*/ 'a:1-5,\nb:1'", "'+a:1-5,\nb:1'", "'a:1-5,\nb:1'"} {
		dumpIsFiltered(t, set)
	}
	var written strings.Builder
	short := &dumpFilter{into: &written}
	if _, err := short.Write([]byte("DROP DATABASE x;\nINSERT")); err != nil {
		t.Fatal(err)
	}
	if err := short.close(); err == nil {
		t.Fatal("a dump without an end was taken")
	}
}

func dumpIsFiltered(t *testing.T, set string) {
	t.Helper()
	dump := "SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n" +
		"SET @@GLOBAL.GTID_PURGED=" + set + ";\n" +
		"DROP DATABASE x;\nINSERT 1;\nSET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;\n-- Dump completed\n"
	var written strings.Builder
	filter := &dumpFilter{into: &written}
	for at := range dump {
		if _, err := filter.Write([]byte{dump[at]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := filter.close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(written.String(), "LOG_BIN") || !strings.Contains(written.String(), "INSERT 1;") || *filter.executed != "a:1-5,b:1" {
		t.Fatal(written.String(), *filter.executed)
	}
}

func TestRestoreOfOtherSystemsWaitsForOneThatWasCut(t *testing.T) {
	cut := Journal{ID: "shop-20261129T030000Z", Only: []string{"mysql", "redis"}}
	for _, only := range [][]string{nil, {"redis"}, {"mysql"}, {"consul", "mysql", "redis"}} {
		if err := cut.refuse(only); err == nil || !strings.Contains(err.Error(), "`npm run restore -- shop-20261129T030000Z --only mysql,redis --yes` finishes it") {
			t.Errorf("%v: %v", only, err)
		}
	}
	if err := cut.refuse([]string{"redis", "mysql"}); err != nil {
		t.Error(err)
	}
	if err := (Journal{ID: "all"}).refuse(nil); err != nil {
		t.Error(err)
	}
}
