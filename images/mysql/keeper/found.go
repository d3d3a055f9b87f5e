package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"
)

// found begins a set: an empty database, led by this node.
func (k *Keeper) found(ctx context.Context) error {
	if k.lacksData() {
		if err := k.initialize(); err != nil {
			return err
		}
	}
	return k.adopt(ctx, State{Epoch: 1, Source: k.configuration().Node})
}

// waitEmpty says why a node without data waits.
func (k *Keeper) waitEmpty() error {
	if _, err := k.configuration().mayFound(time.Now()); err != nil {
		k.say(err.Error())
	} else {
		k.say("it has no data and may not begin a set: its volume is another one, or the others are not there yet")
	}
	return nil
}

func (k *Keeper) initialize() error {
	log.Print("making an empty database")
	if err := k.server.initialize(); err != nil {
		return fmt.Errorf("an empty database cannot be made: %w", err)
	}
	return nil
}

// cloning marks data that is not whole yet: it is worth nothing, and begun anew.
const cloning = dataPath + "/cloning"

func (k *Keeper) lacksData() bool {
	if _, err := os.Stat(cloning); err == nil {
		return true
	}
	return empty()
}
