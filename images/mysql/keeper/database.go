package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Database is the node's own server, spoken to as root over its socket.
type Database struct {
	pool *sql.DB
}

func openDatabase() (*Database, error) {
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", socketPath
	config.Timeout = 2 * time.Second
	// What a node's settings say of quotes and backslashes is not said of the keeper's own statements.
	config.Params = map[string]string{"sql_mode": "''"}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxIdleConns(2)
	return &Database{pool}, nil
}

func (d *Database) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := d.pool.ExecContext(ctx, statement); err != nil {
			verb, _, _ := strings.Cut(statement, "'")
			return fmt.Errorf("%s: %w", strings.TrimSpace(verb), err)
		}
	}
	return nil
}

// within runs a statement that has to end in time, or is ended: one that only nobody waits for any more would still be done later.
func (d *Database) within(ctx context.Context, limit time.Duration, statement string) error {
	connection, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	var id int64
	if err := connection.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		_, err := connection.ExecContext(context.WithoutCancel(ctx), statement)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
	}
	_, err = d.pool.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("KILL %d", id))
	// Its connection ends with it.
	return errors.Join(fmt.Errorf("%s takes longer than %s", statement, limit), err, <-done)
}

// local runs statements on one connection, none of which the replicas get.
func (d *Database) local(ctx context.Context, statements ...string) error {
	connection, err := d.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	defer connection.ExecContext(context.WithoutCancel(ctx), "SET sql_log_bin = 1")
	for _, statement := range append([]string{"SET sql_log_bin = 0"}, statements...) {
		if _, err := connection.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (d *Database) text(ctx context.Context, query string, arguments ...any) (string, error) {
	var value sql.NullString
	err := d.pool.QueryRowContext(ctx, query, arguments...).Scan(&value)
	return value.String, err
}

// row is the first row of a query by its columns' names; empty where there is none.
func (d *Database) row(ctx context.Context, query string) (map[string]string, error) {
	rows, err := d.pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return map[string]string{}, errors.Join(err, rows.Err())
	}
	values := make([]sql.NullString, len(names))
	targets := make([]any, len(names))
	for index := range values {
		targets[index] = &values[index]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	row := map[string]string{}
	for index, name := range names {
		if values[index].Valid {
			row[name] = values[index].String
		}
	}
	return row, nil
}

// observe fills in what the server says of itself.
func (d *Database) observe(ctx context.Context, status *Status) error {
	own, err := d.row(ctx, "SELECT @@global.super_read_only AS readonly, @@global.gtid_executed AS executed")
	if err != nil {
		return err
	}
	replica, err := d.row(ctx, "SHOW REPLICA STATUS")
	if err != nil {
		return err
	}
	acking, err := d.row(ctx, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_clients'")
	if err != nil {
		return err
	}
	status.Writable = own["readonly"] == "0"
	status.Executed = plainSet(own["executed"])
	status.Received = plainSet(joinSets(own["executed"], replica["Retrieved_Gtid_Set"]))
	status.IO = replica["Replica_IO_Running"] == "Yes"
	status.SQL = replica["Replica_SQL_Running"] == "Yes"
	status.LagSeconds = -1
	if lag, err := strconv.Atoi(replica["Seconds_Behind_Source"]); err == nil {
		status.LagSeconds = lag
	}
	status.Acking, _ = strconv.Atoi(acking["Value"])
	status.Error = strings.TrimSpace(replica["Last_IO_Error"] + " " + replica["Last_SQL_Error"])
	return nil
}

// plainSet writes a set of transactions on one line.
func plainSet(set string) string {
	return strings.ReplaceAll(set, "\n", "")
}

func joinSets(one, other string) string {
	switch {
	case one == "":
		return other
	case other == "":
		return one
	default:
		return one + "," + other
	}
}

// without is what of one set of transactions is not in another; the server reckons, which knows how they are written.
func (d *Database) without(ctx context.Context, set, other string) (string, error) {
	rest, err := d.text(ctx, "SELECT GTID_SUBTRACT(?, ?)", set, other)
	return plainSet(rest), err
}

// clients are the connections of neither the keeper, nor replication, nor the server itself.
const clients = `SELECT t.PROCESSLIST_ID FROM performance_schema.threads t
 WHERE t.TYPE = 'FOREGROUND' AND t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_USER NOT IN ('root', '` + replicationUser + `', 'event_scheduler')
 AND t.PROCESSLIST_COMMAND NOT LIKE 'Binlog Dump%'`

// kill ends the connections that a query names; one that has ended by itself is as good.
func (d *Database) kill(ctx context.Context, query string) error {
	rows, err := d.pool.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		var gone *mysql.MySQLError
		if _, err := d.pool.ExecContext(ctx, fmt.Sprintf("KILL %d", id)); err != nil && !(errors.As(err, &gone) && gone.Number == 1094) {
			return err
		}
	}
	return rows.Err()
}

func freeMiB(path string) int {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0
	}
	return int(stat.Bavail * uint64(stat.Bsize) >> 20)
}
