//go:build unix

package local

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a cancelled command has to end by itself.
const grace = 5 * time.Second

// runGroup runs cmd as the leader of a process group of its own. When ctx is
// cancelled, the whole group is asked to end and, after a grace time or once
// the leader has gone, killed, so that nothing that the command started is left.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	signal := func(s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }
	var kill *time.Timer
	cmd.Cancel = func() error {
		kill = time.AfterFunc(grace, func() { _ = signal(syscall.SIGKILL) })
		return signal(syscall.SIGTERM)
	}
	err := cmd.Run()
	if kill != nil {
		kill.Stop()
		_ = signal(syscall.SIGKILL)
		return fmt.Errorf("cancelled: %w", context.Cause(ctx))
	}
	return err
}
