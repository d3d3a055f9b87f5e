package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// rabbitmqSystem is a cluster of brokers, of which the definitions are kept: virtual hosts, queues, exchanges, bindings, policies and parameters.
// Users and what they may do are the stack's to say; messages cannot be read without being taken.
type rabbitmqSystem struct {
	config  RabbitmqConfig
	secrets Config
}

const rabbitmqPasswordFile = "rabbitmq-password"

func (s *rabbitmqSystem) name() string { return systemRabbitmq }
func (s *rabbitmqSystem) file() string { return "rabbitmq.json" }

func (s *rabbitmqSystem) web() (*web, error) {
	password, err := s.secrets.secret(rabbitmqPasswordFile)
	return newWeb("RabbitMQ", s.config.Servers, s.config.User, password), err
}

func (s *rabbitmqSystem) version(ctx context.Context) (string, error) {
	api, err := s.web()
	if err != nil {
		return "", err
	}
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	if err := api.ask(ctx, http.MethodGet, "/api/overview", nil, &overview); err != nil {
		return "", err
	}
	// This answers administrators alone.
	return overview.Version, api.ask(ctx, http.MethodGet, "/api/global-parameters", nil, nil)
}

// definitions are what RabbitMQ tells, by kind.
type definitions map[string][]map[string]any

// kept are the kinds that are data.
var kept = []string{"vhosts", "policies", "parameters", "queues", "exchanges", "bindings"}

func (s *rabbitmqSystem) definitions(ctx context.Context) (definitions, error) {
	api, err := s.web()
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := api.ask(ctx, http.MethodGet, "/api/definitions", nil, &all); err != nil {
		return nil, err
	}
	these := definitions{}
	for _, kind := range kept {
		entries := []map[string]any{}
		if text, is := all[kind]; is {
			if err := json.Unmarshal(text, &entries); err != nil {
				return nil, err
			}
		}
		these[kind] = entries
	}
	return these, nil
}

func (s *rabbitmqSystem) save(ctx context.Context, into io.Writer) (Part, error) {
	part := Part{At: time.Now().UTC()}
	these, err := s.definitions(ctx)
	if err != nil {
		return part, err
	}
	part.Holds = fmt.Sprintf("%s, %s, %s", counted(len(these["queues"]), "queue"), counted(len(these["exchanges"]), "exchange"), counted(len(these["bindings"]), "binding"))
	encoder := json.NewEncoder(into)
	encoder.SetIndent("", "  ")
	return part, encoder.Encode(these)
}

func readDefinitions(from opener) (definitions, error) {
	reader, err := from()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var these definitions
	return these, json.NewDecoder(reader).Decode(&these)
}

// identity are the fields by which a definition is the same one.
func identity(entry map[string]any) string {
	return fmt.Sprint(entry["vhost"], "\x00", entry["component"], "\x00", entry["name"])
}

func byIdentity(entries []map[string]any) map[string]map[string]any {
	named := map[string]map[string]any{}
	for _, entry := range entries {
		named[identity(entry)] = entry
	}
	return named
}

// prepare refuses what is there in another form: a queue cannot be changed, and deleting it would lose its messages.
func (s *rabbitmqSystem) prepare(ctx context.Context, part Part, from opener) (plan, error) {
	var does plan
	running, err := s.version(ctx)
	if err != nil {
		return does, err
	}
	if err := refuseOlder("RabbitMQ", running, part.Version); err != nil {
		return does, err
	}
	wanted, err := readDefinitions(from)
	if err != nil {
		return does, err
	}
	there, err := s.definitions(ctx)
	if err != nil {
		return does, err
	}
	if others := unlike(wanted, there); len(others) > 0 {
		return does, fmt.Errorf("rabbitmq: %s in another form than in the set, and cannot be changed; delete it, with its messages, or leave RabbitMQ out with --only", strings.Join(others, ", "))
	}
	does.Does = fmt.Sprintf("what is missing of %s is made; nothing is deleted, and messages stay", part.Holds)
	return does, nil
}

// unlike are the queues and exchanges that are there in another form.
func unlike(wanted, there definitions) []string {
	var others []string
	for _, kind := range []string{"queues", "exchanges"} {
		present := byIdentity(there[kind])
		for _, entry := range wanted[kind] {
			if found := present[identity(entry)]; found != nil && !reflect.DeepEqual(found, entry) {
				others = append(others, fmt.Sprintf("the %s %v of %v is there", strings.TrimSuffix(kind, "s"), entry["name"], entry["vhost"]))
			}
		}
	}
	slices.Sort(others)
	return others
}

// lacking is what there is not yet. Virtual hosts and policies that are there stay as the stack has them.
func lacking(wanted, there definitions) definitions {
	missing := definitions{}
	for _, kind := range kept {
		present := byIdentity(there[kind])
		missing[kind] = []map[string]any{}
		for _, entry := range wanted[kind] {
			// Bindings have no name; one that is there is not made twice.
			if kind == "bindings" || present[identity(entry)] == nil {
				missing[kind] = append(missing[kind], entry)
			}
		}
	}
	return missing
}

func (s *rabbitmqSystem) load(ctx context.Context, _ Part, from opener) error {
	wanted, err := readDefinitions(from)
	if err != nil {
		return err
	}
	there, err := s.definitions(ctx)
	if err != nil {
		return err
	}
	api, err := s.web()
	if err != nil {
		return err
	}
	missing := lacking(wanted, there)
	for _, entry := range missing["vhosts"] {
		// With nothing of what it says of itself: its limits and its tags are the stack's.
		path := "/api/vhosts/" + url.PathEscape(fmt.Sprint(entry["name"]))
		if err := api.ask(ctx, http.MethodPut, path, map[string]any{"default_queue_type": entry["default_queue_type"]}, nil); err != nil {
			return err
		}
	}
	delete(missing, "vhosts")
	return api.ask(ctx, http.MethodPost, "/api/definitions", missing, nil)
}
