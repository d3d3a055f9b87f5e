package main

import (
	"context"
	"fmt"
	"log"
	"os"
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
