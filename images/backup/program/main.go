// backup takes sets of what a stack's systems hold, keeps them in a target, and brings them back.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: backup run FILE | check FILE | probe | whole | take | list | last | verify ID | restore ID [--until TIME] [--only SYSTEMS] [--yes] [--without-safety-set]`

// configPath is where the component puts the configuration, with the secrets beside it.
const configPath = "/etc/backup/current/backup.json"

// unconfirmed is the status of a restore that was shown and not done.
const unconfirmed = 3

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := do(ctx, os.Args[1:])
	switch {
	case errors.Is(err, errUnconfirmed):
		fmt.Println(err)
		os.Exit(unconfirmed)
	case err != nil:
		fmt.Println(err)
		os.Exit(1)
	}
}

func do(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errors.New(usage)
	}
	verb, rest := arguments[0], arguments[1:]
	switch {
	case verb == "run" && len(rest) == 1:
		return run(ctx, rest[0])
	case verb == "check" && len(rest) == 1:
		_, err := readConfig(rest[0])
		return err
	case verb == "probe" && len(rest) == 0:
		return probe()
	}
	keeper, err := openKeeper(configPath)
	if err != nil {
		return err
	}
	return keeper.do(ctx, verb, rest)
}

// do does what is asked of the service's systems and its target.
func (k *Keeper) do(ctx context.Context, verb string, rest []string) error {
	switch {
	case verb == "whole" && len(rest) == 0:
		return k.whole(ctx)
	case verb == "take" && len(rest) == 0:
		manifest, err := k.take(ctx, reasonAsked)
		if err == nil {
			fmt.Println(manifest)
		}
		return err
	case verb == "list" && len(rest) == 0:
		return k.list(ctx)
	case verb == "last" && len(rest) == 0:
		last, err := k.last(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(last)
	case verb == "verify" && len(rest) == 1:
		manifest, err := k.verified(ctx, rest[0], nil)
		if err == nil {
			fmt.Printf("%s is whole: %s\n", manifest.ID, manifest)
		}
		return err
	case verb == "restore" && len(rest) > 0:
		asked, err := readWish(rest)
		if err != nil {
			return err
		}
		return k.restore(ctx, asked)
	}
	return errors.New(usage)
}

// readWish reads the command line of a restore.
func readWish(arguments []string) (wish, error) {
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	until := flags.String("until", "", "moment that MySQL's rows are taken to, as in 2026-11-29T03:15:00Z")
	only := flags.String("only", "", "systems that are brought back, with commas")
	yes := flags.Bool("yes", false, "replace what is there")
	without := flags.Bool("without-safety-set", false, "take no set of what is replaced")
	asked := wish{ID: arguments[0]}
	if err := flags.Parse(arguments[1:]); err != nil {
		return asked, err
	}
	if flags.NArg() > 0 || strings.HasPrefix(asked.ID, "-") {
		return asked, errors.New(usage)
	}
	asked.Yes, asked.WithoutSafetySet = *yes, *without
	if *only != "" {
		asked.Only = strings.Split(*only, ",")
	}
	if *until != "" {
		moment, err := time.Parse(time.RFC3339Nano, *until)
		if err != nil {
			return asked, fmt.Errorf("--until: %q is no moment; write it as %s", *until, time.Now().UTC().Format(time.RFC3339))
		}
		asked.Until = moment.UTC()
	}
	return asked, nil
}
