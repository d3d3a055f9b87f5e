package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Filebeat tries whether it may write to Redis and Kafka with its first event, and says little of why not. The keeper logs in as Filebeat would, and
// has Kafka tell of the topic.

const loginTime = 5 * time.Second

// output is Filebeat's, as far as it is used.
type output struct {
	Redis *struct {
		Password string `json:"password"`
		Database int    `json:"db"`
	} `json:"redis"`
	Kafka *struct {
		Topic    string `json:"topic"`
		User     string `json:"username"`
		Password string `json:"password"`
		SASL     struct {
			Mechanism string `json:"mechanism"`
		} `json:"sasl"`
	} `json:"kafka"`
}

func readOutput(folder string) (output, error) {
	var read struct {
		Output output `json:"output"`
	}
	text, err := os.ReadFile(filepath.Join(folder, "output.yml"))
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	return read.Output, err
}

// refusal is a no that a server has said, and will say again until somebody changes something.
type refusal struct{ said string }

func (r refusal) Error() string { return r.said }

// logIn connects to a server of Redis or Kafka.
func (o output) logIn(host string) error {
	connection, err := net.DialTimeout("tcp", host, loginTime)
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(loginTime))
	switch {
	case o.Redis != nil:
		err = logInToRedis(connection, o.Redis.Password, o.Redis.Database)
	case o.Kafka != nil:
		to := &kafka{connection: connection}
		if o.Kafka.User != "" {
			err = to.logIn(o.Kafka.SASL.Mechanism, o.Kafka.User, o.Kafka.Password)
		}
		if err == nil {
			err = to.reachTopic(o.Kafka.Topic)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", host, err)
	}
	return nil
}

func logInToRedis(connection io.ReadWriter, password string, database int) error {
	answers := bufio.NewReader(connection)
	ask := func(words ...string) error {
		var text strings.Builder
		fmt.Fprintf(&text, "*%d\r\n", len(words))
		for _, each := range words {
			fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(each), each)
		}
		if _, err := io.WriteString(connection, text.String()); err != nil {
			return err
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if said, no := strings.CutPrefix(strings.TrimSpace(line), "-"); no {
			// A server that is loading is one that comes.
			if strings.HasPrefix(said, "LOADING") || strings.HasPrefix(said, "MASTERDOWN") {
				return fmt.Errorf("%s", said)
			}
			return refusal{said}
		}
		return nil
	}
	if password != "" {
		if err := ask("AUTH", password); err != nil {
			return err
		}
	}
	if err := ask("PING"); err != nil {
		return err
	}
	return ask("SELECT", strconv.Itoa(database))
}
