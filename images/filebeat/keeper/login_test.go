package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering accepts one connection after the other.
func answering(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			answer(connection)
			connection.Close()
		}
	}()
	return listener.Addr().String()
}

func TestALoginThatRedisRefusesIsToldInItsWords(t *testing.T) {
	host := answering(t, func(connection net.Conn) {
		lines := bufio.NewScanner(connection)
		for lines.Scan() {
			switch lines.Text() {
			case "right", "PING", "SELECT":
				_, _ = io.WriteString(connection, "+OK\r\n")
			case "wrong":
				_, _ = io.WriteString(connection, "-WRONGPASS invalid username-password pair\r\n")
			case "early":
				_, _ = io.WriteString(connection, "-LOADING Redis is loading the dataset in memory\r\n")
			}
		}
	})
	with := func(password string) error {
		var to output
		to.Redis = &struct {
			Password string `json:"password"`
			Database int    `json:"db"`
		}{password, 0}
		return to.logIn(host)
	}
	var no refusal
	if err := with("right"); err != nil {
		t.Fatal(err)
	}
	if err := with("wrong"); !errors.As(err, &no) || !strings.Contains(err.Error(), "WRONGPASS invalid") {
		t.Fatal(err)
	}
	if err := with("early"); err == nil || errors.As(err, &no) {
		t.Fatal(err)
	}
}

func TestALoginThatKafkaRefusesIsToldInItsWords(t *testing.T) {
	host := answering(t, func(connection net.Conn) {
		for {
			var size uint32
			if binary.Read(connection, binary.BigEndian, &size) != nil {
				return
			}
			asked := make([]byte, size)
			_, _ = io.ReadFull(connection, asked)
			// Of the handshake: no error, no mechanisms; of the login: its error, words, no bytes.
			body := append(asked[4:8:8], 0, 0, 0, 0, 0, 0)
			if binary.BigEndian.Uint16(asked) == saslAuthenticate {
				body = append(append(asked[4:8:8], 0, 58), kafkaText("invalid credentials")...)
				body = append(body, 0, 0, 0, 0)
			}
			_ = binary.Write(connection, binary.BigEndian, uint32(len(body)))
			_, _ = connection.Write(body)
		}
	})
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		connection, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		var no refusal
		if err := (&kafka{connection: connection}).logIn(mechanism, "logs", "wrong"); !errors.As(err, &no) || !strings.Contains(err.Error(), "invalid credentials (error 58)") {
			t.Fatalf("%s: %v", mechanism, err)
		}
		connection.Close()
	}
}

func TestATopicThatCannotBeWrittenToIsTold(t *testing.T) {
	// One broker, and one topic of one partition.
	answer := func(code byte, rights byte) []byte {
		text := append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7}, kafkaText("host")...)
		text = append(append(text, 0, 0, 35, 132, 255, 255), kafkaText("cluster")...)
		text = append(append(text, 0, 0, 0, 7, 0, 0, 0, 1, 0, code), kafkaText("lines")...)
		text = append(text, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0)
		text = append(text, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0)
		return append(text, 0, 0, 0, rights, 128, 0, 0, 0)
	}
	for _, each := range []struct {
		code, rights byte
		says         string
		refused      bool
	}{
		{0, 1 << 4, "", false},
		{0, 1 << 3, "the topic lines is not for this user to write to", true},
		{isNotAllowed, 0, "the topic lines is not for this user to write to", true},
		{isUnknown, 0, "the topic lines is not there (error 3)", true},
		{hasNoLeaderYet, 1 << 4, "no leader yet (error 5)", false},
		{9, 1 << 4, "cannot be written to (error 9)", false},
	} {
		host := answering(t, func(connection net.Conn) {
			var size uint32
			if binary.Read(connection, binary.BigEndian, &size) != nil {
				return
			}
			asked := make([]byte, size)
			_, _ = io.ReadFull(connection, asked)
			body := append(asked[4:8:8], answer(each.code, each.rights)...)
			_ = binary.Write(connection, binary.BigEndian, uint32(len(body)))
			_, _ = connection.Write(body)
		})
		var to output
		if err := json.Unmarshal([]byte(`{"kafka":{"topic":"lines"}}`), &to); err != nil {
			t.Fatal(err)
		}
		var no refusal
		err := to.logIn(host)
		if (err == nil) != (each.says == "") || err != nil && !strings.Contains(err.Error(), each.says) || errors.As(err, &no) != each.refused {
			t.Errorf("error %d: %v", each.code, err)
		}
	}
}

func TestANoIsHopelessWhenItHasLasted(t *testing.T) {
	note, no, now := filepath.Join(t.TempDir(), "refused"), refusal{"no"}, time.Now()
	for at, each := range []struct {
		err      error
		after    time.Duration
		hopeless bool
	}{
		{errors.New("away"), 0, false}, {errors.New("away"), time.Hour, false},
		{no, 0, false}, {no, time.Second, false}, {fmt.Errorf("x: %w", no), refusedFor + time.Second, true},
		// It was let in, and is not any more.
		{nil, time.Hour, false}, {no, 0, false},
	} {
		if err := lasting(note, each.err, now.Add(each.after)); errors.As(err, &errHopeless{}) != each.hopeless {
			t.Errorf("%d: %v", at, err)
		}
	}
}

func TestWhatFilebeatSaysOfItsOutputIsToldUntilThatTakesSomething(t *testing.T) {
	var f faults
	now := time.Now()
	f.note(`{"level":"error","logger":"publisher_pipeline_output","message":"Failed to connect to backoff(redis): WRONGPASS"}`, now)
	f.note(`{"level":"warn","logger":"elasticsearch","message":"Cannot index event"}`, now)
	f.note(`{"level":"error","logger":"reload","message":"Error creating runner from config: no such type"}`, now)
	if said := f.ofOutput(); !strings.Contains(said, "WRONGPASS") {
		t.Fatal(said)
	}
	if said := f.ofInput(now.Add(-time.Second)); said != "no such type" {
		t.Fatal(said)
	}
	f.taken()
	if f.ofOutput() != "" || f.ofInput(now.Add(-time.Second)) == "" {
		t.Fatal("forgotten, or not")
	}
}
