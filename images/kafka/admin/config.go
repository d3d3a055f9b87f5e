package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	configPath = "/etc/kafka/node/current/admin.json"
	// membersFile names the nodes that have been in the cluster, one on each line: a node alone cannot ask anybody.
	membersFile = "/var/lib/kafka/members"
	metaFile    = "/var/lib/kafka/data/meta.properties"

	// brokerPort is where the brokers talk to each other, controllerPort where the controllers do.
	brokerPort     = "9091"
	controllerPort = "9093"
	ownUser        = "node"
	passwordFile   = "node-password"
)

// Member is a node of the cluster as the others reach it.
type Member struct {
	Name       string `json:"name"`
	ID         int32  `json:"id"`
	Address    string `json:"address"`
	Broker     bool   `json:"broker"`
	Controller bool   `json:"controller"`
}

// Config is what the component says of one node; it is read anew by every command.
type Config struct {
	Node    string   `json:"node"`
	Cluster string   `json:"cluster"`
	Members []Member `json:"members"`
	folder  string
}

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

func (c Config) member(name string) (Member, error) {
	if at := slices.IndexFunc(c.Members, func(m Member) bool { return m.Name == name }); at >= 0 {
		return c.Members[at], nil
	}
	return Member{}, fmt.Errorf("%s is no node of the cluster", name)
}

func (c Config) own() Member {
	own, _ := c.member(c.Node)
	return own
}

func (c Config) byID(id int32) string {
	if at := slices.IndexFunc(c.Members, func(m Member) bool { return m.ID == id }); at >= 0 {
		return c.Members[at].Name
	}
	return fmt.Sprintf("node %d", id)
}

func (c Config) password() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, passwordFile))
	return strings.TrimSpace(string(text)), err
}

func (c Config) addresses(port string, has func(Member) bool) []string {
	var found []string
	for _, m := range c.Members {
		if has(m) {
			found = append(found, net.JoinHostPort(m.Address, port))
		}
	}
	return found
}

func (c Config) brokers() []string {
	return c.addresses(brokerPort, func(m Member) bool { return m.Broker })
}

func (c Config) controllers() []string {
	return c.addresses(controllerPort, func(m Member) bool { return m.Controller })
}

// foundedWithin is how long after the program found no data anywhere a node without data may begin a cluster. Later it has lost what it had.
const foundedWithin = time.Hour

// mayFound tells whether the program found no data of the cluster anywhere when it made this node's place.
func (c Config) mayFound() bool {
	found, _ := c.found()
	return found
}

// found reads `found SECONDS`, when that was.
func (c Config) found() (bool, time.Time) {
	text, err := os.ReadFile(filepath.Join(c.folder, "founding"))
	words := strings.Fields(string(text))
	if err != nil || len(words) != 2 || words[0] != "found" {
		return false, time.Time{}
	}
	seconds, err := strconv.ParseInt(words[1], 10, 64)
	return err == nil, time.Unix(seconds, 0)
}

// founding tells whether a node without data begins a cluster: where the program has just found no data of it anywhere, and no controller answers.
func (c Config) founding(ctx context.Context, now time.Time) (string, error) {
	found, at := c.found()
	if !found {
		return "join", nil
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	for _, address := range c.controllers() {
		if connection, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			connection.Close()
			return "join", nil
		}
	}
	// One that is alone has nobody who could remember more.
	if len(c.Members) > 1 && now.Sub(at) > foundedWithin {
		return "", fmt.Errorf("this cluster was begun at %s, and the volume of its first node is empty: bring the others back first", at.UTC().Format(time.RFC3339))
	}
	return "found", nil
}

// directoryID is the number that the node's storage was formatted with: another one is another member of the quorum, whatever its node's number.
func directoryID() (string, error) {
	text, err := os.ReadFile(metaFile)
	if err != nil {
		return "", err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if id, found := strings.CutPrefix(line, "directory.id="); found {
			return strings.TrimSpace(id), nil
		}
	}
	return "", fmt.Errorf("%s names no directory.id", metaFile)
}

func readRecord() []string {
	text, _ := os.ReadFile(membersFile)
	return strings.Fields(string(text))
}

// remember adds names to the record.
func remember(names []string) error {
	record := readRecord()
	all := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(record), names...))))
	if slices.Equal(all, record) {
		return nil
	}
	return writeRecord(all)
}

func writeRecord(names []string) error {
	part, err := os.Create(membersFile + ".new")
	if err != nil {
		return err
	}
	_, err = part.WriteString(strings.Join(names, "\n") + "\n")
	if err := errors.Join(err, part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), membersFile)
}

// dropRecord forgets a node that has left.
func dropRecord(name string) error {
	names := readRecord()
	if !slices.Contains(names, name) {
		return nil
	}
	return writeRecord(slices.DeleteFunc(names, func(each string) bool { return each == name }))
}
