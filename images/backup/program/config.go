package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/robfig/cron/v3"
)

// Config is what the component says.
type Config struct {
	// Stack is the label of the stack that the sets are of.
	Stack string `json:"stack"`
	// Schedule is a line of cron in UTC.
	Schedule string `json:"schedule"`
	// Keep is how many sets are kept.
	Keep int `json:"keep"`
	// BinlogSeconds is how often MySQL's binary log is taken into the target.
	BinlogSeconds int                  `json:"binlogSeconds"`
	Target        TargetConfig         `json:"target"`
	Mysql         *MysqlConfig         `json:"mysql"`
	Consul        *ConsulConfig        `json:"consul"`
	Redis         *RedisConfig         `json:"redis"`
	Rabbitmq      *RabbitmqConfig      `json:"rabbitmq"`
	Elasticsearch *ElasticsearchConfig `json:"elasticsearch"`

	// folder holds the secrets.
	folder string
}

// TargetConfig is where sets are kept: a folder, or a bucket.
type TargetConfig struct {
	Folder string `json:"folder"`
	// Place is what people know the folder by, which has another path outside of the container.
	Place  string        `json:"place"`
	Bucket *BucketConfig `json:"bucket"`
}

// BucketConfig is a bucket of a server that speaks S3.
type BucketConfig struct {
	// Endpoint is its URL.
	Endpoint  string `json:"endpoint"`
	Name      string `json:"name"`
	Prefix    string `json:"prefix"`
	Region    string `json:"region"`
	AccessKey string `json:"accessKey"`
}

// MysqlConfig is a set of servers of which one takes writes.
type MysqlConfig struct {
	Servers []string `json:"servers"`
	User    string   `json:"user"`
	// ServerID is the number that the servers know this follower of their log by.
	ServerID uint32 `json:"serverId"`
}

// ConsulConfig is a cluster of Consul.
type ConsulConfig struct {
	// Servers are the URLs of their APIs.
	Servers []string `json:"servers"`
	// Exclude are the beginnings of keys that belong to what runs.
	Exclude []string `json:"exclude"`
}

// RedisConfig are servers of which one is the primary.
type RedisConfig struct {
	Servers []string `json:"servers"`
	User    string   `json:"user"`
	// Derived are patterns of keys that are made anew from other systems.
	Derived []string `json:"derived"`
}

// RabbitmqConfig is a cluster of brokers.
type RabbitmqConfig struct {
	// Servers are the URLs of their management APIs.
	Servers []string `json:"servers"`
	User    string   `json:"user"`
}

// ElasticsearchConfig is a cluster of Elasticsearch.
type ElasticsearchConfig struct {
	// Nodes are their URLs.
	Nodes []string `json:"nodes"`
	// Exclude are patterns of indices that are no part of a set.
	Exclude []string `json:"exclude"`
	// Location is the folder of snapshots as the nodes see it, Folder as this program does.
	Location string `json:"location"`
	Folder   string `json:"folder"`
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
	if _, err := cron.ParseStandard(config.Schedule); err != nil {
		return config, fmt.Errorf("schedule: %q is refused: %w", config.Schedule, err)
	}
	if config.Keep < 1 {
		return config, fmt.Errorf("keep: must be 1 or more, got %d", config.Keep)
	}
	if config.BinlogSeconds < 1 {
		return config, fmt.Errorf("binlogSeconds: must be 1 or more, got %d", config.BinlogSeconds)
	}
	if (config.Target.Folder == "") == (config.Target.Bucket == nil) {
		return config, errors.New("target: must be either a folder or a bucket")
	}
	return config, nil
}

// secret reads what is in a file beside the configuration; it may have been rotated since the last time.
func (c Config) secret(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	return strings.TrimRight(string(text), "\n"), err
}
