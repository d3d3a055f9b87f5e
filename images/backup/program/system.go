package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// System is one of a stack's systems, whose data is in a set.
type System interface {
	name() string
	// file is the name of its part.
	file() string
	// version asks the system, with the login that all else is done with.
	version(ctx context.Context) (string, error)
	// save writes what it holds, and says what that is.
	save(ctx context.Context, into io.Writer) (Part, error)
	// prepare says what a restore would do, without doing any of it; it refuses what cannot be done.
	prepare(ctx context.Context, part Part, from opener) (plan, error)
	// load brings a part back. It can be done again where it was cut.
	load(ctx context.Context, part Part, from opener) error
}

// opener opens a part to be read, from its beginning each time.
type opener func() (io.ReadCloser, error)

// plan is what a restore of one system would do.
type plan struct {
	// Replaces says what there is that would be gone; empty where nothing is.
	Replaces string
	Does     string
}

// The names of the systems.
const (
	systemMysql         = "mysql"
	systemRedis         = "redis"
	systemConsul        = "consul"
	systemRabbitmq      = "rabbitmq"
	systemElasticsearch = "elasticsearch"
)

// systemsOf are a stack's systems in the order in which they are saved and brought back: what is derived from rows comes after the rows.
func systemsOf(config Config) []System {
	var systems []System
	if config.Mysql != nil {
		systems = append(systems, &mysqlSystem{config: *config.Mysql, secrets: config})
	}
	if config.Redis != nil {
		systems = append(systems, &redisSystem{config: *config.Redis, secrets: config})
	}
	if config.Consul != nil {
		systems = append(systems, &consulSystem{config: *config.Consul})
	}
	if config.Rabbitmq != nil {
		systems = append(systems, &rabbitmqSystem{config: *config.Rabbitmq, secrets: config})
	}
	if config.Elasticsearch != nil {
		systems = append(systems, &elasticsearchSystem{config: *config.Elasticsearch})
	}
	return systems
}

// refuseOlder refuses software that is older than that of a part: it may not read what a newer one wrote.
func refuseOlder(system, running, saved string) error {
	if release(running) < release(saved) {
		return fmt.Errorf("%s is %s, and the set is of %s: what a newer one wrote cannot be read; bring up %s or later first", system, running, saved, saved)
	}
	return nil
}

// release is a number by which versions can be compared, by their first two parts.
func release(version string) int {
	parts := append(strings.SplitN(version, ".", 3), "0", "0")
	number := func(text string) int {
		digits := strings.TrimRightFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		value, _ := strconv.Atoi(digits)
		return value
	}
	return number(parts[0])*1000 + number(parts[1])
}

// matches tells whether a name is matched by one of the patterns, in which * stands for any characters.
func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if globMatch(pattern, name) {
			return true
		}
	}
	return false
}

func globMatch(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for {
		if globMatch(rest, name) {
			return true
		}
		if name == "" {
			return false
		}
		name = name[1:]
	}
}

// counted writes a number and what it counts: `1 key`, `2 keys`.
func counted(count int, one string) string {
	if count == 1 {
		return "1 " + one
	}
	if stem, is := strings.CutSuffix(one, "ex"); is {
		return fmt.Sprintf("%d %sices", count, stem)
	}
	return fmt.Sprintf("%d %ss", count, one)
}
