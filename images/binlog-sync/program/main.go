// binlog-sync keeps indices of Elasticsearch equal to tables of MySQL: it reads them once, and then follows the source's binary log.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = "usage: binlog-sync run FILE | check FILE | status | probe | whole"

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	if err := do(os.Args[1:]); err != nil {
		fmt.Println(err)
		if errors.Is(err, errStopped) {
			os.Exit(hopeless)
		}
		os.Exit(1)
	}
}

// hopeless is the status by which a gate knows that no wait helps.
const hopeless = 3

func do(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "run":
		return run(arguments[1])
	case len(arguments) == 2 && arguments[0] == "check":
		_, err := readConfig(arguments[1])
		return err
	case len(arguments) == 1 && arguments[0] == "status":
		status, err := ask()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(status)
	case len(arguments) == 1 && arguments[0] == "probe":
		status, err := ask()
		if err != nil {
			return err
		}
		return status.goesOn()
	case len(arguments) == 1 && arguments[0] == "whole":
		status, err := ask()
		if err != nil {
			return err
		}
		return status.whole()
	default:
		return errors.New(usage)
	}
}

func run(path string) error {
	config, err := readConfig(path)
	if err != nil {
		return err
	}
	elastic, err := newElastic(config.Elasticsearch)
	if err != nil {
		return err
	}
	claim := make([]byte, 8)
	if _, err := rand.Read(claim); err != nil {
		return err
	}
	report := newReport()
	if err := report.serve(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	sync := &Sync{
		config: config, elastic: elastic, report: report,
		store: &positionStore{elastic: elastic, index: config.Position, claim: hex.EncodeToString(claim)},
	}
	return sync.run(ctx)
}

// ask has the service that runs in the same container tell of itself.
func ask() (Status, error) {
	var status Status
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/status", statusPort))
	if err != nil {
		return status, fmt.Errorf("the service does not answer: %w", err)
	}
	defer answer.Body.Close()
	return status, json.NewDecoder(answer.Body).Decode(&status)
}
