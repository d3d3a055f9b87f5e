package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// statsURL is where Filebeat tells of itself, to nobody outside of its container.
const statsURL = "http://127.0.0.1:5066/stats"

// stats is what Filebeat tells, as far as it is used.
type stats struct {
	Libbeat struct {
		Output struct {
			Events struct {
				Acked uint64 `json:"acked"`
			} `json:"events"`
		} `json:"output"`
		Pipeline struct {
			Events struct {
				Active uint64 `json:"active"`
			} `json:"events"`
		} `json:"pipeline"`
		Config struct {
			Module struct {
				Running int `json:"running"`
			} `json:"module"`
		} `json:"config"`
	} `json:"libbeat"`
}

func askStats() (stats, error) {
	ctx, done := context.WithTimeout(context.Background(), 3*time.Second)
	defer done()
	var told stats
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, statsURL, nil)
	if err != nil {
		return told, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return told, fmt.Errorf("Filebeat does not answer: %w", err)
	}
	defer answer.Body.Close()
	return told, json.NewDecoder(answer.Body).Decode(&told)
}

// filebeat is one of its commands, with the configuration of a folder.
func filebeat(p paths, folder, data string, arguments ...string) *exec.Cmd {
	command := exec.Command(p.filebeat, append(arguments,
		"--path.config", folder, "--path.data", data, "--path.logs", os.TempDir(), "-c", "filebeat.yml", "-c", "output.yml")...)
	// It goes with the keeper, also when that is killed.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// child is a Filebeat that runs.
type child struct {
	command *exec.Cmd
	ended   chan struct{}
	err     error
	log     *faults
}

func startChild(p paths, folder string, log *faults) (*child, error) {
	command := filebeat(p, folder, p.data, "run", "-e")
	said, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &child{command: command, ended: make(chan struct{}), log: log}
	go func() {
		log.pass(said, os.Stderr)
		c.err = command.Wait()
		close(c.ended)
	}()
	return c, nil
}

// leaveTime is what Filebeat has to end by itself, within the time that the container has.
const leaveTime = 20 * time.Second

// stop waits until Filebeat has noted what was taken from it. One that hangs is killed: lines that it reads again have the same ids.
func (c *child) stop() {
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(leaveTime):
		_ = c.command.Process.Kill()
		<-c.ended
	}
}

func (c *child) fault() error {
	if c.err != nil {
		return c.err
	}
	return errors.New("Filebeat has ended")
}

// faults are what Filebeat last said of inputs that it cannot run, and of an output that does not take what it has.
type faults struct {
	lock   sync.Mutex
	input  fault
	output fault
}

type fault struct {
	said string
	at   time.Time
}

// Of the loggers of Filebeat those that speak of its output; the requests themselves are told by a logger of their own.
var outputLoggers = []string{"publisher_pipeline_output", "elasticsearch", "esclientleg", "kafka", "redis", "logstash"}

func (f *faults) pass(from io.Reader, to io.Writer) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			f.note(line, time.Now())
			_, _ = io.WriteString(to, line)
		}
		if err != nil {
			return
		}
	}
}

func (f *faults) note(line string, now time.Time) {
	var told struct {
		Level   string `json:"level"`
		Logger  string `json:"logger"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal([]byte(line), &told)
	f.lock.Lock()
	defer f.lock.Unlock()
	if _, said, found := strings.Cut(told.Message, "Error creating runner from config: "); found {
		f.input = fault{strings.TrimSpace(said), now}
	}
	// Of a line that Elasticsearch refuses it only warns, and keeps it beside.
	if told.Level == "error" && contains(outputLoggers, told.Logger) {
		f.output = fault{strings.TrimSpace(told.Message), now}
	}
}

// ofInput is the last fault of an input after a moment, if there is one.
func (f *faults) ofInput(moment time.Time) string {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.input.at.After(moment) {
		return f.input.said
	}
	return ""
}

// ofOutput is what was last said of the output, if it has taken nothing since.
func (f *faults) ofOutput() string {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.output.said
}

// taken tells that the output has taken something.
func (f *faults) taken() {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.output = fault{}
}

func currentFolder(p paths) (string, error) {
	link := filepath.Join(p.config, "current")
	folder, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", fmt.Errorf("there is no configuration: %w", err)
	}
	return folder, nil
}
