package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Member is a node of the set as the others reach it.
type Member struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Config is what the component says of one node. It is read anew on reload; secrets are read when they are needed.
type Config struct {
	Node    string   `json:"node"`
	Members []Member `json:"members"`
	// Founder is the node that may begin a set where there is no data anywhere, which the file beside this one tells.
	Founder string `json:"founder"`
	// SemiSync says that a commit waits for Acks replicas to have it, however long that takes.
	SemiSync bool `json:"semiSync"`
	Acks     int  `json:"acks"`
	// LagSeconds is how far a replica may be behind and still be read from.
	LagSeconds int `json:"lagSeconds"`
	folder     string
}

const (
	mysqlPort = 3306
	rolePort  = 3300

	dataPath   = "/var/lib/mysql"
	datadir    = dataPath + "/data"
	stateFile  = dataPath + "/keeper.json"
	setAside   = dataPath + "/set-aside"
	socketPath = "/run/mysqld/mysqld.sock"

	replicationUser = "repl"
)

func readConfig(path string) (Config, error) {
	var config Config
	text, err := os.ReadFile(path)
	if err != nil {
		return config, err
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return config, fmt.Errorf("%s: %w", path, err)
	}
	config.folder = filepath.Dir(path)
	return config, nil
}

// foundedWithin is how long after the program found no data anywhere a node without data may begin a set. Later it has lost what it had.
const foundedWithin = time.Hour

// mayFound tells whether the program found no data of the set anywhere when it made it, a while ago at most; else why not, where it once did.
func (c Config) mayFound(now time.Time) (bool, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, "founding"))
	words := strings.Fields(string(text))
	if err != nil || c.Node != c.Founder || len(words) != 2 || words[0] != "found" {
		return false, nil
	}
	seconds, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return false, nil
	}
	// One that is alone has nobody who could remember more.
	if at := time.Unix(seconds, 0); len(c.Members) > 1 && now.Sub(at) > foundedWithin {
		return false, fmt.Errorf("this set was begun at %s, and its first node knows nothing of it: bring the others back first", at.UTC().Format(time.RFC3339))
	}
	return true, nil
}

func (c Config) secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	return strings.TrimSpace(string(text)), err
}

// accepted are all secrets of a kind that are good, the newest first: more than the one that this node uses only while another takes its place.
func (c Config) accepted(name string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, name+".accepted"))
	if err == nil {
		return strings.Fields(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	secret, err := c.secret(name)
	return []string{secret}, err
}

func (c Config) address(node string) string {
	for _, member := range c.Members {
		if member.Name == node {
			return member.Address
		}
	}
	return ""
}

// others are the members beside this one.
func (c Config) others() []Member {
	var others []Member
	for _, member := range c.Members {
		if member.Name != c.Node {
			others = append(others, member)
		}
	}
	return others
}
