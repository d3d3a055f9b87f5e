package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Config is what the component says; a change of it starts the service anew. The password is read whenever it is needed.
type Config struct {
	Name string `json:"name"`
	// Position is the index in which it keeps how far it came.
	Position string `json:"position"`
	// ServerID is what the source knows this follower by: a number that no other server has.
	ServerID uint32 `json:"serverId"`
	// Sources are the servers of which one takes writes, `host:port` each.
	Sources []string `json:"sources"`
	User    string   `json:"user"`
	// Elasticsearch are the URLs of its nodes.
	Elasticsearch []string         `json:"elasticsearch"`
	Rules         []Rule           `json:"tables"`
	Indices       map[string]Index `json:"indices"`
	folder        string
}

// Rule says which tables lead to which index.
type Rule struct {
	// Tables is `schema.table`; `*` stands for any characters of either.
	Tables  string   `json:"tables"`
	Exclude []string `json:"exclude"`
	Index   string   `json:"index"`
	// Include are the columns that are carried, all where there are none; Leave are carried in no case.
	Include []string `json:"include"`
	Leave   []string `json:"leave"`
	// Fields are names of fields by the columns that have others.
	Fields map[string]string `json:"fields"`
	// Several says that the index has documents of other tables too, so that an id begins with the table's name.
	Several bool `json:"several"`
	match   *regexp.Regexp
	not     []*regexp.Regexp
}

// Index is how an index is made.
type Index struct {
	Settings map[string]any `json:"settings"`
	Mappings map[string]any `json:"mappings"`
}

const (
	configPath = "/etc/binlog-sync/current/sync.json"
	statusPort = 3400
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
	if len(config.Sources) == 0 || len(config.Elasticsearch) == 0 || len(config.Rules) == 0 {
		return config, fmt.Errorf("%s: sources, elasticsearch and tables must each have an entry", path)
	}
	for at := range config.Rules {
		config.Rules[at].compile()
		if config.Rules[at].Index == config.Position {
			return config, fmt.Errorf("%s: the index %s is where the service keeps how far it came; name another one", path, config.Position)
		}
	}
	return config, nil
}

func (c Config) password() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, "password"))
	return strings.TrimSpace(string(text)), err
}

// rule is the one that a table is carried by, or nil where it is not.
func (c Config) rule(schema, table string) (*Rule, error) {
	var found *Rule
	for at := range c.Rules {
		rule := &c.Rules[at]
		if !rule.matches(schema, table) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("both %s and %s match it; exclude it from one of them", found.Tables, rule.Tables)
		}
		found = rule
	}
	return found, nil
}

func (r *Rule) compile() {
	r.match = pattern(r.Tables)
	for _, exclude := range r.Exclude {
		r.not = append(r.not, pattern(exclude))
	}
}

func pattern(names string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(names), `\*`, `[^.]*`) + "$")
}

func (r *Rule) matches(schema, table string) bool {
	name := schema + "." + table
	return r.match.MatchString(name) && !slices.ContainsFunc(r.not, func(not *regexp.Regexp) bool { return not.MatchString(name) })
}

// carries tells whether a column is in the documents.
func (r *Rule) carries(column string) bool {
	return (len(r.Include) == 0 || slices.Contains(r.Include, column)) && !slices.Contains(r.Leave, column)
}

func (r *Rule) field(column string) string {
	if name, renamed := r.Fields[column]; renamed {
		return name
	}
	return column
}

// prefix is what the ids of a table's documents begin with.
func (r *Rule) prefix(schema, table string) string {
	if r.Several {
		return schema + "." + table + "/"
	}
	return ""
}

// begins is the state of a table that has not been read yet.
func (r *Rule) begins(of table) *TableState {
	return &TableState{Index: r.Index, Prefix: r.prefix(of.schema, of.name), Rule: r.digest(), State: tableDue}
}

// digest says whether documents were made by the same rule.
func (r *Rule) digest() string {
	text, err := json.Marshal([]any{r.Index, r.Include, r.Leave, r.Fields, r.Several})
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// check tells whether all columns that the rule names are there.
func (r *Rule) check(columns []column) error {
	var faults []error
	fields := map[string]string{}
	for _, column := range columns {
		if !r.carries(column.name) {
			continue
		}
		field := r.field(column.name)
		if other, taken := fields[field]; taken {
			faults = append(faults, fmt.Errorf("its columns %s and %s would both be the field %s; leave one out, or call it otherwise", other, column.name, field))
		}
		fields[field] = column.name
	}
	has := func(name string) bool {
		return slices.ContainsFunc(columns, func(column column) bool { return column.name == name })
	}
	for _, name := range r.Include {
		if !has(name) {
			faults = append(faults, fmt.Errorf("it has no column %s, which is to be carried", name))
		}
	}
	for name := range r.Fields {
		if !has(name) {
			faults = append(faults, fmt.Errorf("it has no column %s, which is to be called otherwise", name))
		}
	}
	return errors.Join(faults...)
}
