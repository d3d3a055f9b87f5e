package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// save dumps all databases as they were at one moment, which is told by the transactions that they have.
func (s *mysqlSystem) save(ctx context.Context, into io.Writer) (Part, error) {
	part := Part{At: time.Now().UTC()}
	reader, err := s.reader(ctx)
	if err != nil {
		return part, err
	}
	defer reader.pool.Close()
	if part.Names, err = reader.schemas(ctx); err != nil {
		return part, err
	}
	if err := reader.restorable(ctx); err != nil {
		return part, err
	}
	packed := gzip.NewWriter(into)
	if len(part.Names) == 0 {
		part.Holds = "no databases"
		part.Executed, err = reader.text(ctx, "SELECT @@global.gtid_executed")
		part.From = time.Now().UTC()
		return part, errors.Join(err, packed.Close())
	}
	filter := &dumpFilter{into: packed}
	if err := s.dump(ctx, reader.address, part.Names, filter); err != nil {
		return part, err
	}
	if err := errors.Join(filter.close(), packed.Close()); err != nil {
		return part, err
	}
	if filter.executed == nil {
		return part, errors.New("mysqldump did not say which transactions it has; the server has no GTIDs")
	}
	part.Executed, part.From = *filter.executed, filter.seen
	part.Holds = fmt.Sprintf("%s (%s)", counted(len(part.Names), "database"), strings.Join(part.Names, ", "))
	return part, nil
}

// restorable refuses what a restore could not make again with the rights that its user has: better today than on the day of the restore.
func (s *server) restorable(ctx context.Context) error {
	own := " NOT IN (" + quotedList(systemSchemas) + ")"
	trusted, err := s.text(ctx, "SELECT @@global.log_bin_trust_function_creators")
	if err != nil {
		return err
	}
	if trusted != "1" {
		names, err := s.column(ctx, "SELECT CONCAT(trigger_schema, '.', trigger_name) FROM information_schema.triggers WHERE trigger_schema"+own+
			" UNION SELECT CONCAT(routine_schema, '.', routine_name) FROM information_schema.routines WHERE routine_type = 'FUNCTION' AND routine_schema"+own)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return fmt.Errorf("%s could not be brought back: triggers and functions take log_bin_trust_function_creators; set it to ON in the settings of MySQL", strings.Join(names, ", "))
		}
	}
	names, err := s.column(ctx, "SELECT name FROM (SELECT CONCAT(table_schema, '.', table_name) AS name, table_schema AS place, definer FROM information_schema.views"+
		" UNION SELECT CONCAT(trigger_schema, '.', trigger_name), trigger_schema, definer FROM information_schema.triggers"+
		" UNION SELECT CONCAT(routine_schema, '.', routine_name), routine_schema, definer FROM information_schema.routines"+
		" UNION SELECT CONCAT(event_schema, '.', event_name), event_schema, definer FROM information_schema.events) AS made"+
		" WHERE (definer LIKE 'root@%' OR definer LIKE 'mysql.%') AND place"+own)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%s could not be brought back: root is their definer, as whom nobody else may make anything; make them again with a user of the stack as DEFINER", strings.Join(names, ", "))
	}
	return nil
}

func (s *mysqlSystem) dump(ctx context.Context, address string, schemas []string, into io.Writer) error {
	login, err := s.loginFile(address)
	if err != nil {
		return err
	}
	defer os.Remove(login)
	arguments := append([]string{
		"--defaults-file=" + login,
		"--single-transaction", "--quick", "--hex-blob", "--routines", "--triggers", "--events",
		// The transactions are read off at the moment of the dump, for which the server stands still.
		"--set-gtid-purged=COMMENTED", "--source-data=2",
		// Who may see what is the stack's to say.
		"--skip-masking-policies",
		"--no-tablespaces", "--skip-add-locks", "--skip-disable-keys", "--add-drop-database",
		"--default-character-set=utf8mb4", "--max-allowed-packet=1G",
		// Somebody's long query must not have everybody wait behind this one.
		"--init-command=SET SESSION lock_wait_timeout = 10",
		"--databases",
	}, schemas...)
	return piped(exec.CommandContext(ctx, "mysqldump", arguments...), nil, into)
}

// piped runs a program; where it fails, its own words are the error.
func piped(command *exec.Cmd, from io.Reader, into io.Writer) error {
	var said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = from, into, &said
	if err := command.Run(); err != nil {
		if filter, is := into.(*dumpFilter); is && filter.fault != nil {
			return filter.fault
		}
		return fmt.Errorf("%s: %w: %s", command.Args[0], err, strings.TrimSpace(said.String()))
	}
	return nil
}

// dumpFilter reads off which transactions a dump has, and takes out the lines that would keep it out of the binary log: replicas, and whoever
// else follows the log, have to see what is brought back.
type dumpFilter struct {
	into io.Writer
	head bytes.Buffer
	// begun says that the head is read.
	begun bool
	// rest is kept back, since it may be the end.
	rest     []byte
	executed *string
	// seen is when the head was read: the dump's moment was before.
	seen  time.Time
	fault error
}

var (
	gtidComment = regexp.MustCompile(`(?s)SET @@GLOBAL\.GTID_PURGED=(?:/\*!80000 '\+'\*/ )?'\+?([^']*)'`)
	// What is behind it are statements of the databases.
	headEnd  = regexp.MustCompile(`(CREATE|DROP) DATABASE `)
	keepsOut = regexp.MustCompile(`(?m)^SET (@MYSQLDUMP_TEMP_LOG_BIN = @@SESSION\.SQL_LOG_BIN|@@SESSION\.SQL_LOG_BIN ?= ?0|@@SESSION\.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN);\n`)
)

const (
	longestHead   = 4 << 20
	longestFooter = 4096
)

func (f *dumpFilter) Write(chunk []byte) (int, error) {
	if f.fault == nil {
		f.fault = f.take(chunk)
	}
	if f.fault != nil {
		return 0, f.fault
	}
	return len(chunk), nil
}

func (f *dumpFilter) take(chunk []byte) error {
	if !f.begun {
		f.head.Write(chunk)
		text := f.head.Bytes()
		if !headEnd.Match(text) && len(text) < longestHead {
			return nil
		}
		f.begun, f.seen = true, time.Now().UTC()
		if found := gtidComment.FindSubmatch(text); found != nil {
			set := strings.ReplaceAll(string(found[1]), "\n", "")
			f.executed = &set
		}
		chunk = keepsOut.ReplaceAll(text, nil)
	}
	// The last lines are kept back, since one of them is to go.
	f.rest = append(f.rest, chunk...)
	if len(f.rest) <= longestFooter {
		return nil
	}
	due := len(f.rest) - longestFooter
	_, err := f.into.Write(f.rest[:due])
	f.rest = append(f.rest[:0], f.rest[due:]...)
	return err
}

func (f *dumpFilter) close() error {
	if !f.begun {
		return errors.New("mysqldump wrote no databases")
	}
	footer := keepsOut.ReplaceAll(f.rest, nil)
	if !bytes.Contains(footer, []byte("-- Dump completed")) {
		return errors.New("mysqldump did not come to the end")
	}
	_, err := f.into.Write(footer)
	return err
}
