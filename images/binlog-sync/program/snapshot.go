package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

type queries interface {
	QueryContext(ctx context.Context, query string, arguments ...any) (*sql.Rows, error)
}

func layoutOfSchema(ctx context.Context, from queries, of table) (layout, error) {
	rows, err := from.QueryContext(ctx, `SELECT column_name, data_type, column_type, COALESCE(character_set_name, ''), COALESCE(character_maximum_length, 0)
		FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`, of.schema, of.name)
	if err != nil {
		return layout{}, err
	}
	defer rows.Close()
	var is layout
	for rows.Next() {
		var name, dataType, columnType, charset string
		var length uint64
		if err := rows.Scan(&name, &dataType, &columnType, &charset, &length); err != nil {
			return layout{}, err
		}
		is.columns = append(is.columns, columnOfSchema(name, strings.ToLower(dataType), strings.ToLower(columnType), charset, int(length)))
	}
	if err := rows.Err(); err != nil {
		return layout{}, err
	}
	keys, err := from.QueryContext(ctx, `SELECT column_name FROM information_schema.statistics
		WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`, of.schema, of.name)
	if err != nil {
		return layout{}, err
	}
	defer keys.Close()
	for keys.Next() {
		var name string
		if err := keys.Scan(&name); err != nil {
			return layout{}, err
		}
		for at, column := range is.columns {
			if column.name == name {
				is.key = append(is.key, at)
			}
		}
	}
	return is, keys.Err()
}

// snapshot hands over every row of a table as it was at one moment.
func (s *Source) snapshot(ctx context.Context, of table, check func(layout) error, each func(layout, []any) error) error {
	connection, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	// A connection that is in the middle of its rows is of no more use.
	defer connection.Close()
	for _, statement := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
		"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	} {
		if _, err := connection.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	defer connection.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	is, err := layoutOfSchema(ctx, connection, of)
	if err != nil {
		return err
	}
	if err := check(is); err != nil {
		return err
	}
	names := make([]string, len(is.columns))
	for at, column := range is.columns {
		names[at] = identifier(column.name)
	}
	// Prepared, so that numbers come as they are: as text a FLOAT has six digits.
	statement, err := connection.PrepareContext(ctx, fmt.Sprintf("SELECT %s FROM %s.%s", strings.Join(names, ", "), identifier(of.schema), identifier(of.name)))
	if err != nil {
		return err
	}
	defer statement.Close()
	rows, err := statement.QueryContext(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	raw, targets := make([]any, len(names)), make([]any, len(names))
	for at := range raw {
		targets[at] = &raw[at]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row := make([]any, len(raw))
		for at, column := range is.columns {
			if row[at], err = column.ofQuery(raw[at]); err != nil {
				return &tableFault{err}
			}
		}
		if err := each(is, row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// checkCascades tells whether rows of a table may change without that the log says so: where the storage engine follows foreign keys by itself.
func (s *Source) checkCascades(ctx context.Context, of table) error {
	var count int
	if err := s.pool.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.referential_constraints
		WHERE constraint_schema = ? AND table_name = ? AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN ('CASCADE', 'SET NULL'))`,
		of.schema, of.name).Scan(&count); err != nil || count == 0 {
		return err
	}
	var name, value string
	err := s.pool.QueryRowContext(ctx, "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'").Scan(&name, &value)
	if err == nil && value == "OFF" {
		return nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return &tableFault{errors.New("it has a foreign key with CASCADE or SET NULL, which this server's storage engine follows without a word in the log; use RESTRICT")}
}

func identifier(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}
