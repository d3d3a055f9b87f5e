package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlSystem is a set of MySQL servers.
type mysqlSystem struct {
	config  MysqlConfig
	secrets Config
}

const mysqlPasswordFile = "mysql-password"

// systemSchemas are the server's own, and the keeper's: who may do what is the stack's to say, and no data.
var systemSchemas = []string{"mysql", "sys", "performance_schema", "information_schema", "dockyard"}

func (s *mysqlSystem) name() string { return systemMysql }
func (s *mysqlSystem) file() string { return "mysql.sql.gz" }

// server is one of the servers.
type server struct {
	address string
	pool    *sql.DB
}

func (s *mysqlSystem) open(address string) (*server, error) {
	password, err := s.secrets.secret(mysqlPasswordFile)
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr = s.config.User, password, "tcp", address
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 2*time.Second, 30*time.Second, 30*time.Second
	config.TLS = ownCertificate()
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return &server{address, sql.OpenDB(connector)}, nil
}

// ownCertificate has a connection encrypted. The servers sign their certificates themselves, so there is nothing to check them against.
func ownCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec
}

func (s *server) text(ctx context.Context, query string, arguments ...any) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var text sql.NullString
	err := s.pool.QueryRowContext(ctx, query, arguments...).Scan(&text)
	return strings.ReplaceAll(text.String, "\n", ""), err
}

func (s *server) column(ctx context.Context, query string) ([]string, error) {
	rows, err := s.pool.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}

// source is the server that takes writes.
func (s *mysqlSystem) source(ctx context.Context) (*server, error) {
	return s.first(ctx, "no server takes writes", func(one *server) error {
		readOnly, err := one.text(ctx, "SELECT @@global.super_read_only OR @@global.read_only")
		if err == nil && readOnly != "0" {
			return errors.New("takes no writes")
		}
		return err
	})
}

// catchUpSeconds is how long a replica gets to have what the source has.
const catchUpSeconds = 5

// reader is a replica that is not behind, so that the locks of a dump are in nobody's way; else the source. Events are written down by a replica
// as those that it must not run, so where there are any it has to be the source.
func (s *mysqlSystem) reader(ctx context.Context) (*server, error) {
	source, err := s.source(ctx)
	if err != nil {
		return nil, err
	}
	events, err := source.text(ctx, "SELECT COUNT(*) FROM information_schema.events WHERE event_schema NOT IN ("+quotedList(systemSchemas)+")")
	if err != nil || events != "0" {
		return source, err
	}
	executed, err := source.text(ctx, "SELECT @@global.gtid_executed")
	if err != nil {
		return source, err
	}
	replica, err := s.first(ctx, "no replica has what the source has", func(one *server) error {
		if one.address == source.address {
			return errors.New("is the source")
		}
		late, err := one.text(ctx, "SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)", executed, catchUpSeconds)
		if err == nil && late != "0" {
			return errors.New("is behind")
		}
		return err
	})
	if err != nil {
		return source, nil
	}
	source.pool.Close()
	return replica, nil
}

// first is the first server that is as wanted.
func (s *mysqlSystem) first(ctx context.Context, otherwise string, wanted func(*server) error) (*server, error) {
	var seen []error
	for _, address := range s.config.Servers {
		one, err := s.open(address)
		if err != nil {
			return nil, err
		}
		if err = wanted(one); err == nil {
			return one, nil
		}
		one.pool.Close()
		seen = append(seen, fmt.Errorf("%s: %w", address, err))
	}
	return nil, fmt.Errorf("mysql: %s: %w", otherwise, errors.Join(append(seen, ctx.Err())...))
}

func (s *mysqlSystem) version(ctx context.Context) (string, error) {
	source, err := s.source(ctx)
	if err != nil {
		return "", err
	}
	defer source.pool.Close()
	version, err := source.text(ctx, "SELECT @@version")
	version, _, _ = strings.Cut(version, "-")
	return version, err
}

// schemas are the databases that are data, of those that the user may see.
func (s *server) schemas(ctx context.Context) ([]string, error) {
	return s.column(ctx, "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ("+quotedList(systemSchemas)+") ORDER BY 1")
}

func quotedList(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, "'"+name+"'")
	}
	return strings.Join(quoted, ", ")
}

// loginFile is what the clients of MySQL log in with: no argument, which others could see. The caller removes it.
func (s *mysqlSystem) loginFile(address string) (string, error) {
	password, err := s.secrets.secret(mysqlPasswordFile)
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(password)
	file, err := os.CreateTemp("", "mysql-*.cnf")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(file, "[client]\nhost=%s\nport=%s\nprotocol=tcp\nuser=\"%s\"\npassword=\"%s\"\nssl-mode=REQUIRED\n", host, port, s.config.User, escaped)
	return file.Name(), errors.Join(err, file.Close())
}
