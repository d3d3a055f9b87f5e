// mysql-keeper runs a MySQL server and keeps its role in a set of them: one source that takes writes, and replicas.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const configPath = "/etc/mysql/node/current/keeper.json"

const usage = `usage: mysql-keeper run FILE | status | probe | whole --made NAMES | spare --made NAMES | promote [--force] [--accept-loss] | rejoin [--discard] | settled`

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	log.SetPrefix("keeper: ")
	if len(os.Args) < 2 {
		fail(errors.New(usage))
	}
	if os.Args[1] == "run" && len(os.Args) == 3 {
		if err := run(os.Args[2]); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := ask(os.Args[1], os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Println(err)
	if errors.Is(err, errHopeless) {
		os.Exit(hopeless)
	}
	os.Exit(1)
}

// hopeless is the status by which a gate knows that no wait helps.
const hopeless = 3

func run(path string) error {
	config, err := readConfig(path)
	if err != nil {
		return err
	}
	state, err := loadState(stateFile)
	if err != nil {
		return fmt.Errorf("who leads cannot be read from %s: %w", stateFile, err)
	}
	keeper, err := newKeeper(config, state)
	if err != nil {
		return err
	}
	if err := keeper.serve(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return keeper.run(ctx)
}

// ask does one thing with the keeper that runs in the same container.
func ask(verb string, arguments []string) error {
	config, err := readConfig(configPath)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	made := flags.String("made", "", "nodes that have a container, with commas")
	force := flags.Bool("force", false, "promote although there is no source")
	acceptLoss := flags.Bool("accept-loss", false, "promote although acknowledged transactions may be missing")
	discard := flags.Bool("discard", false, "replace the data of a node that has diverged by a copy")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	peers, own := newPeers(), config.address(config.Node)
	ctx := context.Background()
	tell := func(path string, body, answer any) error {
		token, err := config.secret("keeper-token")
		if err != nil {
			return err
		}
		return peers.call(ctx, http.MethodPost, own, path, token, body, answer)
	}
	switch verb {
	case "status", "probe", "whole", "spare":
		status, err := peers.status(ctx, own)
		if err != nil {
			return fmt.Errorf("the keeper does not answer: %w", err)
		}
		set := Set{Config: config, Own: status, Made: strings.Split(*made, ",")}
		return look(ctx, verb, set, peers)
	case "promote":
		began := time.Now()
		if err := tell("/promote", promotion{Force: *force, AcceptLoss: *acceptLoss}, nil); err != nil {
			return err
		}
		fmt.Printf("%s leads, after %d ms\n", config.Node, time.Since(began).Milliseconds())
		return nil
	case "rejoin":
		var result rejoined
		if err := tell("/rejoin", rejoining{Discard: *discard}, &result); err != nil {
			return err
		}
		fmt.Printf("%s\nThese transactions (%s) are in %s.\n", result.Text, result.Extra, result.File)
		return nil
	case "settled":
		return tell("/settled", struct{}{}, nil)
	default:
		return errors.New(usage)
	}
}

func look(ctx context.Context, verb string, set Set, peers *Peers) error {
	switch verb {
	case "status":
		return json.NewEncoder(os.Stdout).Encode(set.Own)
	case "probe":
		if role := set.Own.Role; role == roleDiverged || role == roleConflict || (set.Own.Executed == "" && role != roleCloning) {
			return fmt.Errorf("%s: %s", role, orElse(set.Own.Error, "the server does not answer yet"))
		}
		fmt.Println(set.Own.Role)
		return nil
	}
	set.Peers = peers.ask(ctx, set.Config.others(), statusPath)
	if verb == "whole" {
		if err := set.whole(); err != nil {
			return err
		}
		return haveReceived(ctx, set, peers)
	}
	leader, err := set.spare()
	if err != nil || leader == "" {
		return err
	}
	return handOverTo(ctx, set.Config, peers, leader)
}
