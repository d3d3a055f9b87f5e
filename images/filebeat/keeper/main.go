// filebeat-keeper runs Filebeat beside one engine: it tells it which files are its stack's, restarts it when its own configuration changes, keeps
// its memory of files true and the files of containers that are gone open, puts the indices' templates, and deletes indices that are past their days.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Where things are; tests have their own.
type paths struct {
	config   string // the folder whose link `current` leads to the configuration
	run      string // what lasts as long as the container
	data     string // what Filebeat remembers
	filebeat string // the program
}

var standard = paths{config: "/etc/filebeat", run: "/run/filebeat", data: "/var/lib/filebeat", filebeat: "filebeat"}

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.As(err, &errHopeless{}) {
			os.Exit(hopeless)
		}
		os.Exit(1)
	}
}

func command(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "run":
		// Docker's SIGTERM and a terminal's Ctrl-C ask to leave.
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		return newKeeper(standard).run(ctx)
	case len(args) == 1 && args[0] == "probe":
		return probe(standard)
	case len(args) == 1 && args[0] == "whole":
		return whole(standard)
	case len(args) == 2 && args[0] == "check":
		return check(standard, args[1])
	}
	return errors.New("usage: filebeat-keeper run | probe | whole | check FOLDER")
}

// probe asks Filebeat whether it runs; an output that is away is none of its faults, but is told.
func probe(p paths) error {
	if _, err := askStats(); err != nil {
		return err
	}
	if told, err := readReport(p); err == nil && told.status() != "" {
		fmt.Println(told.status())
	}
	return nil
}
