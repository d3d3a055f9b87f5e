package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// State is who leads. It lies beside the data and outlives every container, so that a role is nothing that a program declares.
type State struct {
	// Epoch counts the promotions: of two accounts the higher one holds. 0 is a node that knows of no set.
	Epoch  int    `json:"epoch"`
	Source string `json:"source"`
	// Formed says that enough replicas have once been there for commits to wait for them.
	Formed bool `json:"formed"`
}

func loadState(path string) (State, error) {
	var state State
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	return state, json.Unmarshal(text, &state)
}

// save returns when the state is on the disk: a promotion that was told must be there after a crash.
func (s State) save(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	part := path + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
