// Package script holds what local and remote commands share: the inputs that
// say what runs when, and the capture of what a command prints.
package script

import (
	"bytes"
	"context"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
)

// Previous names the environment variables that hold, while a command runs,
// what the resource's command before it printed.
const (
	PreviousStdout = "PULUMI_COMMAND_STDOUT"
	PreviousStderr = "PULUMI_COMMAND_STDERR"
)

// Streams says which streams of a command go to Pulumi's log.
type Streams struct {
	Stdout, Stderr bool
}

// ParseStreams reads the value of the `logging` property. Both streams are
// logged if it is empty.
func ParseStreams(logging string) Streams {
	switch logging {
	case "none":
		return Streams{}
	case "stdout":
		return Streams{Stdout: true}
	case "stderr":
		return Streams{Stderr: true}
	default:
		return Streams{Stdout: true, Stderr: true}
	}
}

// Capture collects the output of one command. Its writers may be used at the
// same time.
type Capture struct {
	Stdout, Stderr *Stream

	mu   sync.Mutex
	both bytes.Buffer
}

// NewCapture returns a Capture that logs the given streams.
func NewCapture(ctx context.Context, logged Streams) *Capture {
	log := p.GetLogger(ctx).InfoStatus
	c := &Capture{}
	c.Stdout = &Stream{capture: c}
	c.Stderr = &Stream{capture: c}
	if logged.Stdout {
		c.Stdout.log = log
	}
	if logged.Stderr {
		c.Stderr.log = log
	}
	return c
}

// Close logs what remains of a last line without a line feed.
func (c *Capture) Close() {
	c.Stdout.flush()
	c.Stderr.flush()
}

// Combined returns what both streams received, in the order of arrival.
func (c *Capture) Combined() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.both.String()
}

// Stream is one output stream of a command.
type Stream struct {
	capture *Capture
	log     func(line string)
	all     bytes.Buffer
	partial []byte
}

// Write keeps data and logs each line that it completes.
func (s *Stream) Write(data []byte) (int, error) {
	s.capture.mu.Lock()
	defer s.capture.mu.Unlock()
	s.all.Write(data)
	s.capture.both.Write(data)
	if s.log == nil {
		return len(data), nil
	}
	s.partial = append(s.partial, data...)
	for {
		line, rest, found := bytes.Cut(s.partial, []byte("\n"))
		if !found {
			return len(data), nil
		}
		s.log(strings.TrimSuffix(string(line), "\r"))
		s.partial = rest
	}
}

// Text returns all of the stream, less one line feed at its end.
func (s *Stream) Text() string {
	s.capture.mu.Lock()
	defer s.capture.mu.Unlock()
	return strings.TrimSuffix(s.all.String(), "\n")
}

func (s *Stream) flush() {
	s.capture.mu.Lock()
	defer s.capture.mu.Unlock()
	if len(s.partial) > 0 {
		s.log(string(s.partial))
		s.partial = nil
	}
}
