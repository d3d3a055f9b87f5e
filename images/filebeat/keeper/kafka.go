package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// Of Kafka's protocol only what a login and a look at a topic take: SaslHandshake, SaslAuthenticate and Metadata, as
// https://kafka.apache.org/protocol describes them.
const (
	saslHandshake    = 17
	saslAuthenticate = 36
)

type kafka struct {
	connection io.ReadWriter
	asked      int32
}

func (k *kafka) logIn(mechanism, user, password string) error {
	answer, err := k.ask(saslHandshake, 1, kafkaText(mechanism))
	if err != nil {
		return err
	}
	if code := answer.short(); code != 0 {
		return refusal{fmt.Sprintf("the mechanism %s is not there; it has %s (error %d)", mechanism, strings.Join(answer.texts(), ", "), code)}
	}
	if mechanism == "PLAIN" {
		_, err := k.authenticate("\x00" + user + "\x00" + password)
		return err
	}
	return k.scram(mechanism, user, password)
}

// scram is RFC 5802, without the check of what the server proves: nothing is sent here that could be stolen.
func (k *kafka) scram(mechanism, user, password string) error {
	digest, size := sha512.New, sha512.Size
	if mechanism == "SCRAM-SHA-256" {
		digest, size = sha256.New, sha256.Size
	}
	own := "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user) + ",r=" + rand.Text()
	challenge, err := k.authenticate("n,," + own)
	if err != nil {
		return err
	}
	told := map[string]string{}
	for _, each := range strings.Split(challenge, ",") {
		key, value, _ := strings.Cut(each, "=")
		told[key] = value
	}
	salt, err := base64.StdEncoding.DecodeString(told["s"])
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(told["i"])
	if err != nil {
		return err
	}
	salted, err := pbkdf2.Key(digest, password, salt, rounds, size)
	if err != nil {
		return err
	}
	final := "c=biws,r=" + told["r"]
	proof := keyed(digest, salted, "Client Key")
	stored := digest()
	stored.Write(proof)
	for at, each := range keyed(digest, stored.Sum(nil), own+","+challenge+","+final) {
		proof[at] ^= each
	}
	_, err = k.authenticate(final + ",p=" + base64.StdEncoding.EncodeToString(proof))
	return err
}

func keyed(digest func() hash.Hash, key []byte, text string) []byte {
	sum := hmac.New(digest, key)
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

func (k *kafka) authenticate(text string) (string, error) {
	answer, err := k.ask(saslAuthenticate, 0, append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	if err != nil {
		return "", err
	}
	code, said := answer.short(), answer.text()
	if code != 0 {
		return "", refusal{fmt.Sprintf("%s (error %d)", said, code)}
	}
	return string(answer.take(int(answer.long()))), nil
}

func (k *kafka) ask(key, version int16, body []byte) (*kafkaAnswer, error) {
	k.asked++
	head := binary.BigEndian.AppendUint16(nil, uint16(key))
	head = binary.BigEndian.AppendUint16(head, uint16(version))
	head = binary.BigEndian.AppendUint32(head, uint32(k.asked))
	head = append(head, kafkaText("filebeat-keeper")...)
	text := binary.BigEndian.AppendUint32(nil, uint32(len(head)+len(body)))
	if _, err := k.connection.Write(append(append(text, head...), body...)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(k.connection, size[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length < 4 || length > 1<<20 {
		return nil, fmt.Errorf("it is no Kafka that answers")
	}
	answer := make([]byte, length)
	if _, err := io.ReadFull(k.connection, answer); err != nil {
		return nil, err
	}
	// The number of the question comes first.
	return &kafkaAnswer{bytes.NewBuffer(answer[4:])}, nil
}

func kafkaText(text string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
}

// kafkaAnswer is read from its beginning to its end; what is missing is empty.
type kafkaAnswer struct{ rest *bytes.Buffer }

func (a *kafkaAnswer) take(length int) []byte { return a.rest.Next(max(length, 0)) }

func (a *kafkaAnswer) short() int16 {
	if part := a.take(2); len(part) == 2 {
		return int16(binary.BigEndian.Uint16(part))
	}
	return 0
}

func (a *kafkaAnswer) long() int32 {
	if part := a.take(4); len(part) == 4 {
		return int32(binary.BigEndian.Uint32(part))
	}
	return 0
}

func (a *kafkaAnswer) text() string { return string(a.take(int(a.short()))) }

func (a *kafkaAnswer) texts() []string {
	var all []string
	for range a.long() {
		if a.rest.Len() == 0 {
			break
		}
		all = append(all, a.text())
	}
	return all
}
