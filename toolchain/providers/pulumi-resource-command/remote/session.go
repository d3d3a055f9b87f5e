package remote

import (
	"context"
	"fmt"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"golang.org/x/crypto/ssh"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// grace is how long a cancelled command has to end by itself.
const grace = 5 * time.Second

// acceptEnv explains why a server refuses an environment variable.
const acceptEnv = "cannot set %s: the SSH server must allow it by AcceptEnv;" +
	" with a Bourne-like shell the command itself can start with NAME=value"

// Session are the inputs that say where a command runs, with what environment
// and standard input, and what of its output is logged.
type Session struct {
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// execute runs command and returns what it printed. previous is what the
// command before it printed.
func (s Session) execute(ctx context.Context, command string, previous script.Printed) (script.Printed, error) {
	client, closeClient, err := s.Connection.dial(ctx)
	if err != nil {
		return script.Printed{}, err
	}
	defer closeClient()
	session, err := client.NewSession()
	if err != nil {
		return script.Printed{}, err
	}
	defer session.Close()
	if err := s.setEnv(ctx, session, previous); err != nil {
		return script.Printed{}, err
	}
	if s.Stdin != nil {
		session.Stdin = strings.NewReader(*s.Stdin)
	}
	capture := script.NewCapture(ctx, s.Logging.streams())
	session.Stdout, session.Stderr = capture.Stdout, capture.Stderr
	err = runCancellable(ctx, session, command)
	capture.Close()
	if err != nil {
		return script.Printed{}, script.Failure(err, capture)
	}
	return script.Printed{Stdout: capture.Stdout.Text(), Stderr: capture.Stderr.Text()}, nil
}

// setEnv passes the environment to the server. A variable that the program
// asks for must be accepted; what an earlier command printed is only offered.
func (s Session) setEnv(ctx context.Context, session *ssh.Session, previous script.Printed) error {
	for name, value := range s.Environment {
		if err := session.Setenv(name, value); err != nil {
			return fmt.Errorf(acceptEnv+": %w", name, err)
		}
	}
	if s.AddPreviousOutputInEnv != nil && !*s.AddPreviousOutputInEnv {
		return nil
	}
	printed := map[string]string{
		script.PreviousStdout: previous.Stdout,
		script.PreviousStderr: previous.Stderr,
	}
	for name, value := range printed {
		if value == "" {
			continue
		}
		if err := session.Setenv(name, value); err != nil {
			p.GetLogger(ctx).DebugStatusf(acceptEnv, name)
		}
	}
	return nil
}

// runCancellable runs command in session. When ctx is cancelled, the server is
// told to end the command's process group and, after a grace time, to kill it.
func runCancellable(ctx context.Context, session *ssh.Session, command string) error {
	done := make(chan error, 1)
	if err := session.Start(command); err != nil {
		return err
	}
	go func() { done <- session.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	_ = session.Signal(ssh.SIGTERM)
	select {
	case <-done:
	case <-time.After(grace):
		_ = session.Signal(ssh.SIGKILL)
		_ = session.Close()
	}
	return fmt.Errorf("cancelled: %w", context.Cause(ctx))
}
