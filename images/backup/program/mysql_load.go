package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// prepare counts what is in the databases that would be replaced.
func (s *mysqlSystem) prepare(ctx context.Context, part Part, _ opener) (plan, error) {
	var does plan
	running, err := s.version(ctx)
	if err != nil {
		return does, err
	}
	if err := refuseOlder("MySQL", running, part.Version); err != nil {
		return does, err
	}
	source, err := s.source(ctx)
	if err != nil {
		return does, err
	}
	defer source.pool.Close()
	granted, err := s.granted(ctx, source, part.Names)
	if err != nil {
		return does, err
	}
	var replaced []string
	for _, name := range part.Names {
		if !slices.Contains(granted, name) {
			return does, fmt.Errorf("mysql: the user %s may not write the database %s, which the set has; declare it first, with its rights", s.config.User, name)
		}
		tables, err := source.text(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ?", name)
		if err != nil {
			return does, err
		}
		if tables != "0" {
			replaced = append(replaced, fmt.Sprintf("%s with what is in it (tables: %s)", name, tables))
		}
	}
	does.Replaces = strings.Join(replaced, ", ")
	does.Does = "each database is dropped and made again as it was: " + strings.Join(part.Names, ", ")
	return does, nil
}

// granted are those of the databases that may be made. It is asked of the rights: a database that a run which was cut has dropped is not there.
func (s *mysqlSystem) granted(ctx context.Context, source *server, names []string) ([]string, error) {
	patterns, err := source.column(ctx, "SELECT table_schema FROM information_schema.schema_privileges WHERE privilege_type = 'CREATE'")
	if err != nil {
		return nil, err
	}
	everything, err := source.text(ctx, "SELECT COUNT(*) FROM information_schema.user_privileges WHERE privilege_type = 'CREATE'")
	if err != nil {
		return nil, err
	}
	unescaped := strings.NewReplacer(`\_`, "_", `\%`, "%")
	var granted []string
	for _, name := range names {
		has := func(pattern string) bool { return strings.EqualFold(unescaped.Replace(pattern), name) }
		if everything != "0" || slices.ContainsFunc(patterns, has) {
			granted = append(granted, name)
		}
	}
	return granted, nil
}

// load writes to the source, into the binary log: replicas and those who follow the log come to the same.
func (s *mysqlSystem) load(ctx context.Context, part Part, from opener) error {
	if len(part.Names) == 0 {
		return nil
	}
	reader, err := from()
	if err != nil {
		return err
	}
	defer reader.Close()
	dump, err := gzip.NewReader(bufio.NewReaderSize(reader, 1<<20))
	if err != nil {
		return err
	}
	return s.feed(ctx, dump)
}

// feed has the source execute SQL.
func (s *mysqlSystem) feed(ctx context.Context, statements io.Reader) error {
	source, err := s.source(ctx)
	if err != nil {
		return err
	}
	source.pool.Close()
	login, err := s.loginFile(source.address)
	if err != nil {
		return err
	}
	defer os.Remove(login)
	arguments := []string{"--defaults-file=" + login, "--binary-mode", "--batch", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"}
	return piped(exec.CommandContext(ctx, "mysql", arguments...), statements, io.Discard)
}
