package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisSystem are servers of Redis, of which one is the primary. A set has each key as it was at some moment of the seconds in which it was
// taken: with its value as the server itself writes it, and the moment at which it ends.
type redisSystem struct {
	config  RedisConfig
	secrets Config
}

const (
	redisPasswordFile = "redis-password"
	// redisBatch is how many keys are asked for at once.
	redisBatch = 200
)

func (s *redisSystem) name() string { return systemRedis }
func (s *redisSystem) file() string { return "redis.keys.gz" }

// primary is a connection to the server that takes writes.
func (s *redisSystem) primary(ctx context.Context, database int) (*redis.Client, error) {
	password, err := s.secrets.secret(redisPasswordFile)
	if err != nil {
		return nil, err
	}
	var seen []error
	for _, address := range s.config.Servers {
		client := redis.NewClient(&redis.Options{
			Addr: address, Username: s.config.User, Password: password, DB: database, Protocol: 2, DisableIdentity: true,
			DialTimeout: 2 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, MaxRetries: -1,
		})
		role, err := client.Do(ctx, "ROLE").Slice()
		if err == nil && len(role) > 0 && role[0] == "master" {
			return client, nil
		}
		client.Close()
		if err == nil {
			err = errors.New("is a replica")
		}
		seen = append(seen, fmt.Errorf("%s: %w", address, err))
	}
	return nil, fmt.Errorf("redis: no primary answers: %w", errors.Join(seen...))
}

// info asks the primary for a part of what it tells of itself.
func (s *redisSystem) info(ctx context.Context, section string) (string, error) {
	client, err := s.primary(ctx, 0)
	if err != nil {
		return "", err
	}
	defer client.Close()
	return client.Info(ctx, section).Result()
}

var (
	redisVersion  = regexp.MustCompile(`redis_version:(\S+)`)
	redisDatabase = regexp.MustCompile(`(?m)^db(\d+):keys=(\d+)`)
)

func (s *redisSystem) version(ctx context.Context) (string, error) {
	text, err := s.info(ctx, "server")
	if err != nil {
		return "", err
	}
	found := redisVersion.FindStringSubmatch(text)
	if found == nil {
		return "", errors.New("redis does not say its version")
	}
	return found[1], nil
}

// databases are how many keys each database has, by its number.
func (s *redisSystem) databases(ctx context.Context) (map[int]int, error) {
	text, err := s.info(ctx, "keyspace")
	if err != nil {
		return nil, err
	}
	counts := map[int]int{}
	for _, found := range redisDatabase.FindAllStringSubmatch(text, -1) {
		number, err := strconv.Atoi(found[1])
		if err != nil {
			return nil, err
		}
		if counts[number], err = strconv.Atoi(found[2]); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// eachBatch goes through the keys of all databases; a key may come more than once.
func (s *redisSystem) eachBatch(ctx context.Context, each func(client *redis.Client, database int, keys []string) error) error {
	counts, err := s.databases(ctx)
	if err != nil {
		return err
	}
	for database := range counts {
		client, err := s.primary(ctx, database)
		if err != nil {
			return err
		}
		err = eachBatchOf(ctx, client, func(keys []string) error { return each(client, database, keys) })
		if err := errors.Join(err, client.Close()); err != nil {
			return err
		}
	}
	return nil
}

func eachBatchOf(ctx context.Context, client *redis.Client, each func(keys []string) error) error {
	var cursor uint64
	for {
		keys, next, err := client.Scan(ctx, cursor, "", redisBatch).Result()
		if err != nil {
			return err
		}
		if err := each(keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (s *redisSystem) prepare(ctx context.Context, part Part, _ opener) (plan, error) {
	var does plan
	running, err := s.version(ctx)
	if err != nil {
		return does, err
	}
	if err := refuseOlder("Redis", running, part.Version); err != nil {
		return does, err
	}
	counts, err := s.databases(ctx)
	if err != nil {
		return does, err
	}
	there := 0
	for _, count := range counts {
		there += count
	}
	if there > 0 {
		does.Replaces = counted(there, "key")
	}
	does.Does = "the keys become those of the set: " + part.Holds
	if len(s.config.Derived) > 0 {
		does.Does += "; those like " + strings.Join(s.config.Derived, ", ") + " go, and are made anew"
	}
	return does, nil
}
