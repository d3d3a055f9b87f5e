package local

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// Process are the inputs that say how a command's process is started, what of
// its output is logged and which files it leaves are wanted.
type Process struct {
	Interpreter            []string          `pulumi:"interpreter,optional"`
	Dir                    *string           `pulumi:"dir,optional"`
	Environment            map[string]string `pulumi:"environment,optional"`
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
	AssetPaths             []string          `pulumi:"assetPaths,optional"`
	ArchivePaths           []string          `pulumi:"archivePaths,optional"`
}

// execute runs command and returns what it printed. previous is what the
// command before it printed.
func (p Process) execute(ctx context.Context, command string, previous script.Printed) (script.Printed, error) {
	interpreter := p.Interpreter
	if len(interpreter) == 0 {
		interpreter = []string{"/bin/sh", "-c"}
	}
	args := append(append([]string{}, interpreter[1:]...), command)
	cmd := exec.CommandContext(ctx, interpreter[0], args...)
	cmd.Env = p.env(previous)
	if p.Dir != nil {
		cmd.Dir = *p.Dir
	}
	if p.Stdin != nil {
		cmd.Stdin = strings.NewReader(*p.Stdin)
	}
	capture := script.NewCapture(ctx, p.Logging.streams())
	cmd.Stdout, cmd.Stderr = capture.Stdout, capture.Stderr
	err := runGroup(ctx, cmd)
	capture.Close()
	if err != nil {
		return script.Printed{}, script.Failure(err, capture)
	}
	return script.Printed{Stdout: capture.Stdout.Text(), Stderr: capture.Stderr.Text()}, nil
}

func (p Process) env(previous script.Printed) []string {
	env := os.Environ()
	for name, value := range p.Environment {
		env = append(env, name+"="+value)
	}
	if p.AddPreviousOutputInEnv == nil || *p.AddPreviousOutputInEnv {
		if previous.Stdout != "" {
			env = append(env, script.PreviousStdout+"="+previous.Stdout)
		}
		if previous.Stderr != "" {
			env = append(env, script.PreviousStderr+"="+previous.Stderr)
		}
	}
	return env
}
