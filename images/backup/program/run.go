package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/robfig/cron/v3"
)

// statusAddress is where the service tells whether it runs.
const statusAddress = "127.0.0.1:3600"

// retry is the time after which a scheduled run that failed is tried again, at the latest.
const retry = 10 * time.Minute

// run takes sets by the schedule, and the binary log all the time.
func run(ctx context.Context, path string) error {
	keeper, err := openKeeper(path)
	if err != nil {
		return err
	}
	keeper.say = log.Printf
	if err := serve(); err != nil {
		return err
	}
	log.Printf("sets are kept in %s", keeper.target)
	started := time.Now()
	every := time.Duration(keeper.config.BinlogSeconds) * time.Second
	due := keeper.due(ctx, started)
	var binlog time.Time
	fault := ""
	for {
		if !time.Now().Before(due) {
			manifest, err := keeper.take(ctx, reasonScheduled)
			if err != nil {
				log.Print(err)
			} else {
				log.Printf("taken: %s", manifest)
			}
			if err == nil || errors.Is(err, errBehind) {
				due = keeper.due(ctx, started)
			} else {
				due = keeper.again(time.Now())
			}
		}
		if time.Since(binlog) >= every {
			binlog = time.Now()
			// The same reason is told once.
			said := words(keeper.followBinlog(ctx))
			if said != fault && said != "" {
				log.Printf("the binary log: %s", said)
			}
			fault = said
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(0, min(time.Until(due), time.Until(binlog.Add(every))))):
		}
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// due is when the next set is; where the target does not tell of those that there are, it is asked again later.
func (k *Keeper) due(ctx context.Context, started time.Time) time.Time {
	manifests, err := k.manifests(ctx)
	due := k.next(manifests, started)
	if err != nil {
		log.Printf("the target cannot be read: %v", err)
		due = time.Now().Add(retry)
	}
	log.Printf("the next set is due %s", due.UTC().Format(time.RFC3339))
	return due
}

// again is when a set is tried again that could not be taken: a while later, or when the next one is due if that is sooner.
func (k *Keeper) again(now time.Time) time.Time {
	due := now.Add(retry)
	if schedule, err := cron.ParseStandard(k.config.Schedule); err == nil {
		if next := schedule.Next(now.UTC()); next.Before(due) {
			return next
		}
	}
	return due
}

// next is when a set is due: one that was missed while nothing ran is due at once.
func (k *Keeper) next(manifests []Manifest, otherwise time.Time) time.Time {
	schedule, err := cron.ParseStandard(k.config.Schedule)
	if err != nil {
		// It was read when the configuration was.
		return otherwise
	}
	from := otherwise
	for _, manifest := range manifests {
		if manifest.Reason == reasonScheduled {
			from = manifest.Began
		}
	}
	return schedule.Next(from.UTC())
}

// followBinlog takes the log while no restore is halfway: what that writes is taken when it is done.
func (k *Keeper) followBinlog(ctx context.Context) error {
	if k.mysql() == nil {
		return nil
	}
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if unfinished, err := k.journal(ctx); err != nil || unfinished != nil {
		return err
	}
	return k.extendBinlog(ctx)
}

func serve() error {
	listener, err := net.Listen("tcp", statusAddress)
	if err != nil {
		return err
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := &http.Server{Handler: answer, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()
	return nil
}

func probe() error {
	client := http.Client{Timeout: 3 * time.Second}
	answer, err := client.Get("http://" + statusAddress + "/")
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	return answer.Body.Close()
}
