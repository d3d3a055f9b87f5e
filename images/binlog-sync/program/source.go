package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Source is the server that takes writes.
type Source struct {
	address string
	pool    *sql.DB
}

// table is one by its name.
type table struct {
	schema, name string
}

func (t table) String() string {
	return t.schema + "." + t.name
}

func tableNamed(name string) table {
	schema, rest, _ := strings.Cut(name, ".")
	return table{schema, rest}
}

const (
	dialTimeout = 2 * time.Second
	// readTimeout is how long a server may be silent within an answer; it sends a page of rows in far less.
	readTimeout = 30 * time.Second
)

// findSource is the one server among several that takes writes; which one that is may change.
func findSource(ctx context.Context, config Config) (*Source, error) {
	password, err := config.password()
	if err != nil {
		return nil, err
	}
	var seen []error
	for _, address := range config.Sources {
		source, err := openSource(address, config.User, password)
		if err != nil {
			return nil, err
		}
		if err = source.takesWrites(ctx); err == nil {
			return source, nil
		}
		source.pool.Close()
		seen = append(seen, err)
	}
	return nil, fmt.Errorf("no server takes writes: %w", errors.Join(seen...))
}

func openSource(address, user, password string) (*Source, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = user, password, "tcp", address
	config.Timeout, config.ReadTimeout, config.WriteTimeout = dialTimeout, readTimeout, readTimeout
	config.TLS = ownCertificate()
	// Dates as the server writes them, and moments in UTC: the log is read likewise.
	config.ParseTime = false
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return &Source{address, sql.OpenDB(connector)}, nil
}

// ownCertificate has a connection encrypted. The servers sign their certificates themselves, so there is nothing to check them against.
func ownCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec
}

var errReadOnly = errors.New("takes no writes")

// takesWrites tells whether the server is the source, within the time that one gets which does not answer.
func (s *Source) takesWrites(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+time.Second)
	defer cancel()
	var readOnly bool
	if err := s.pool.QueryRowContext(ctx, "SELECT @@global.super_read_only OR @@global.read_only").Scan(&readOnly); err != nil {
		return fmt.Errorf("%s: %w", s.address, err)
	}
	if readOnly {
		return fmt.Errorf("%s %w", s.address, errReadOnly)
	}
	return nil
}

// needed are the settings of a server whose log can be followed.
var needed = []struct{ name, value string }{
	{"log_bin", "1"},
	{"gtid_mode", "ON"},
	{"binlog_format", "ROW"},
	{"binlog_row_image", "FULL"},
	{"binlog_row_metadata", "FULL"},
	{"binlog_row_value_options", ""},
}

func (s *Source) check(ctx context.Context) error {
	var faults []error
	for _, setting := range needed {
		var value string
		if err := s.pool.QueryRowContext(ctx, "SELECT @@global."+setting.name).Scan(&value); err != nil {
			return err
		}
		if value != setting.value {
			faults = append(faults, fmt.Errorf("%s has %s = %q; set it to %q", s.address, setting.name, value, setting.value))
		}
	}
	return errors.Join(faults...)
}

// executed are the transactions that the server has. What comes after they were read is seen by a snapshot that is begun later, so a follower that
// starts from them meets it twice rather than not at all.
func (s *Source) executed(ctx context.Context) (string, error) {
	var set string
	err := s.pool.QueryRowContext(ctx, "SELECT @@global.gtid_executed").Scan(&set)
	return strings.ReplaceAll(set, "\n", ""), err
}

// catchUpSeconds is how long a server gets to have what another one had before it.
const catchUpSeconds = 5

// goesOn tells whether the log of the server can be followed from a set of transactions, or why not. seen are those that the documents may have
// beside; same says that they are from this server, which loses none: it may only have to wait for an acknowledgement before it shows them.
func (s *Source) goesOn(ctx context.Context, set, seen string, same bool) (string, error) {
	var late int
	if err := s.pool.QueryRowContext(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)", seen, catchUpSeconds).Scan(&late); err != nil {
		return "", err
	}
	switch {
	case late != 0 && same:
		return "", fmt.Errorf("%s has not executed yet what it has told of; it may wait for the acknowledgement of a replica", s.address)
	case late != 0:
		return "it lacks transactions that are in the documents: they were lost with a server before", nil
	}
	var kept bool
	if err := s.pool.QueryRowContext(ctx, "SELECT GTID_SUBSET(@@global.gtid_purged, ?)", set).Scan(&kept); err != nil {
		return "", err
	}
	if !kept {
		return "it has purged the log of transactions that are not in the documents (binlog_expire_logs_seconds)", nil
	}
	return "", nil
}

// uuid tells servers apart.
func (s *Source) uuid(ctx context.Context) (string, error) {
	var uuid string
	err := s.pool.QueryRowContext(ctx, "SELECT @@global.server_uuid").Scan(&uuid)
	return uuid, err
}

// noSuchTable and noSuchSchema are what MySQL says of what is not there, where it does not say that it may not be read.
const (
	noSuchTable  = 1146
	noSuchSchema = 1049
)

// lacks tells whether a table is not there, and not only not shown to a user who may not read it.
func (s *Source) lacks(ctx context.Context, of table) (bool, error) {
	rows, err := s.pool.QueryContext(ctx, fmt.Sprintf("SELECT 1 FROM %s.%s LIMIT 0", identifier(of.schema), identifier(of.name)))
	if err == nil {
		return false, errors.Join(rows.Err(), rows.Close(), fmt.Errorf("%s has just come back", of))
	}
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return false, err
	}
	return said.Number == noSuchTable || said.Number == noSuchSchema, nil
}

// shows waits until the server shows what a set of transactions has done.
func (s *Source) shows(ctx context.Context, set string) error {
	for {
		var late int
		if err := s.pool.QueryRowContext(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)", set, catchUpSeconds).Scan(&late); err != nil || late == 0 {
			return err
		}
	}
}

// charsets are the character sets by the number of their collation.
func (s *Source) charsets(ctx context.Context) (map[uint64]string, error) {
	rows, err := s.pool.QueryContext(ctx, "SELECT id, character_set_name FROM information_schema.collations")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	charsets := map[uint64]string{}
	for rows.Next() {
		var id uint64
		var charset string
		if err := rows.Scan(&id, &charset); err != nil {
			return nil, err
		}
		charsets[id] = charset
	}
	return charsets, rows.Err()
}

// tables are those of the server that its user may read.
func (s *Source) tables(ctx context.Context) ([]table, error) {
	rows, err := s.pool.QueryContext(ctx, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1, 2")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []table
	for rows.Next() {
		var one table
		if err := rows.Scan(&one.schema, &one.name); err != nil {
			return nil, err
		}
		tables = append(tables, one)
	}
	return tables, rows.Err()
}

func hostAndPort(address string) (string, uint16, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := net.LookupPort("tcp", service)
	return host, uint16(port), err
}
