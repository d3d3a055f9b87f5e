// kafka-admin looks after one node of a Kafka cluster: whether it is whole, whether it can be spared, what the cluster is declared to have.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: kafka-admin founding | alive | join | remember --made NAMES | whole --made NAMES | spare --node NAME --id N --made NAMES | status | live | replication | apply | leave --node NAME --id N [--move] | forget --id N | drop --node NAME`

// Statuses beside 0 and 1: nobody could be asked, somebody has to do something first, and the cluster says no, as opposed to nothing.
const (
	nobodyAnswers = 2
	hopeless      = 3
	needed        = 4
)

var (
	errNobody   = errors.New("no node of the cluster answers")
	errHopeless = errors.New("")
	errNeeded   = errors.New("")
)

func main() {
	if len(os.Args) < 2 {
		fail(errors.New(usage))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Println(strings.TrimSpace(err.Error()))
	switch {
	case errors.Is(err, errNobody):
		os.Exit(nobodyAnswers)
	case errors.Is(err, errHopeless):
		os.Exit(hopeless)
	case errors.Is(err, errNeeded):
		os.Exit(needed)
	}
	os.Exit(1)
}

func run(ctx context.Context, verb string, arguments []string) error {
	config, err := readConfig(configPath)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	made := flags.String("made", "", "containers as name:state, with spaces")
	// A node that leaves is no longer in the configuration of those that stay.
	name := flags.String("node", "", "the node that it is about")
	id := flags.Int("id", 0, "its number")
	move := flags.Bool("move", false, "move what the node holds to the others first")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	node := Member{Name: *name, ID: int32(*id)}
	switch verb {
	case "founding":
		said, err := config.founding(ctx, time.Now())
		if err == nil {
			fmt.Println(said)
		}
		return err
	case "remember":
		return remember(slices.Collect(maps.Keys(parseMade(*made))))
	case "drop":
		return dropRecord(node.Name)
	}
	cluster, err := connect(config)
	if err != nil {
		return err
	}
	defer cluster.close()
	switch verb {
	case "alive":
		return cluster.alive(ctx)
	case "join":
		return joined(ctx, cluster)
	case "whole":
		return whole(ctx, cluster, parseMade(*made))
	case "spare":
		view, err := cluster.seen(ctx)
		if err != nil {
			return err
		}
		if err := view.spare(node, parseMade(*made)); err != nil {
			return fmt.Errorf("%w%w", errNeeded, err)
		}
		return nil
	case "status", "live", "replication":
		return report(ctx, cluster, verb)
	case "apply":
		var declared Declared
		if err := json.NewDecoder(os.Stdin).Decode(&declared); err != nil {
			return fmt.Errorf("what is declared cannot be read: %w", err)
		}
		return apply(ctx, cluster, declared)
	case "leave":
		return leave(ctx, cluster, node, *move)
	case "forget":
		return cluster.forget(ctx, node)
	default:
		return errors.New(usage)
	}
}

// until asks again and again for as long as an answer may change by itself.
func until(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		ok, err := done()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			if err == nil {
				err = errNobody
			}
			return fmt.Errorf("not within %s: %w", limit, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
	}
}
