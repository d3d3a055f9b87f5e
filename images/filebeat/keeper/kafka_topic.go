package main

import "fmt"

const (
	metadata = 3
	// The first that tells rights, of Kafka 2.3.
	metadataVersion = 8
	// What it numbers writing among the rights.
	mayWrite = 1 << 4
)

// Kafka's numbers for why not.
const (
	isUnknown      = 3
	hasNoLeaderYet = 5
	isNotAllowed   = 29
)

// reachTopic tells why a topic cannot be written to. A broker that makes topics by itself makes it now, as it would for Filebeat.
func (k *kafka) reachTopic(topic string) error {
	question := append([]byte{0, 0, 0, 1}, kafkaText(topic)...)
	// It may be made; rights at the cluster are not told, those at the topic are.
	answer, err := k.ask(metadata, metadataVersion, append(question, 1, 0, 1))
	if err != nil {
		return fmt.Errorf("it does not tell of topics, as Kafka does since 2.3: %w", err)
	}
	return answer.topic(topic)
}

func (a *kafkaAnswer) topic(topic string) error {
	a.long() // for how long it had to wait
	for range a.long() {
		a.long() // a broker: its number, host, port, rack
		a.text()
		a.long()
		a.text()
		if a.rest.Len() == 0 {
			break
		}
	}
	a.text() // the cluster's id
	a.long() // its controller
	if a.long() != 1 {
		return fmt.Errorf("it does not tell of the topic %s", topic)
	}
	code := a.short()
	a.text() // its name
	a.take(1)
	for range a.long() {
		a.take(2 + 4 + 4 + 4) // a partition: its error, number, leader, epoch
		for range 3 {
			a.take(4 * int(a.long())) // its replicas
		}
		if a.rest.Len() == 0 {
			break
		}
	}
	rights := a.long()
	switch {
	case code == isUnknown:
		return refusal{fmt.Sprintf("the topic %s is not there (error %d)", topic, code)}
	case code == isNotAllowed || code == 0 && rights&mayWrite == 0:
		return refusal{fmt.Sprintf("the topic %s is not for this user to write to (error %d)", topic, isNotAllowed)}
	case code == hasNoLeaderYet:
		return fmt.Errorf("the topic %s has no leader yet (error %d)", topic, code)
	case code != 0:
		return fmt.Errorf("the topic %s cannot be written to (error %d)", topic, code)
	}
	return nil
}
