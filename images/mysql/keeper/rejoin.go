package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

type rejoining struct {
	Discard bool `json:"discard"`
}

// rejoined tells what a node had that its source lacks.
type rejoined struct {
	// Extra is their set, File where they lie, and Text the rows in words.
	Extra string `json:"extra"`
	File  string `json:"file"`
	Text  string `json:"text"`
}

// mostShown is how many lines of the transactions are told; all of it is in the file.
const mostShown = 200

// rejoin shows the transactions by which a node has diverged and writes them to a file that stays. Only where it is told to discard them is its data
// replaced by a copy of another node's.
func (k *Keeper) rejoin(ctx context.Context, discard bool) (rejoined, error) {
	ctx = context.WithoutCancel(ctx)
	k.acting.Lock()
	defer k.acting.Unlock()
	k.mutex.Lock()
	extra := k.extra
	k.mutex.Unlock()
	if extra == "" {
		return rejoined{}, fmt.Errorf("%s has nothing that its source lacks: there is nothing to set aside", k.configuration().Node)
	}
	file, err := k.setAside(ctx, extra)
	if err != nil {
		return rejoined{}, fmt.Errorf("the transactions cannot be set aside, so nothing is discarded: %w", err)
	}
	result := rejoined{Extra: extra, File: file, Text: inWords(file)}
	if !discard {
		return result, nil
	}
	if err := os.WriteFile(cloning, nil, 0o600); err != nil {
		return result, err
	}
	k.mutex.Lock()
	k.extra, k.followed = "", State{}
	k.mutex.Unlock()
	return result, k.clone(ctx)
}

func (k *Keeper) setAside(ctx context.Context, extra string) (string, error) {
	if err := os.MkdirAll(setAside, 0o750); err != nil {
		return "", err
	}
	rows, err := k.db.pool.QueryContext(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	arguments := []string{"--verbose", "--include-gtids=" + extra}
	for rows.Next() {
		var name, size, encrypted string
		if err := rows.Scan(&name, &size, &encrypted); err != nil {
			return "", err
		}
		arguments = append(arguments, filepath.Join(datadir, name))
	}
	path := filepath.Join(setAside, time.Now().UTC().Format("20060102-150405")+".sql")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "mysqlbinlog", arguments...)
	command.Stdout, command.Stderr = file, os.Stderr
	return path, errors.Join(command.Run(), file.Sync(), file.Close())
}

// inWords are the rows that the transactions change, as mysqlbinlog comments on them, and the statements that are none of rows.
func inWords(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() && len(lines) < mostShown {
		line := scanner.Text()
		if strings.HasPrefix(line, "### ") || strings.HasPrefix(line, "SET @@SESSION.GTID_NEXT= '") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
