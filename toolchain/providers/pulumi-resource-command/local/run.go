package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// Run is the function command:local:run. It runs a command at once, in
// previews too.
type Run struct{}

// RunInputs are the arguments of Run.
type RunInputs struct {
	Process
	Command string `pulumi:"command"`
}

// RunOutputs are the result of Run.
type RunOutputs struct {
	RunInputs
	script.Printed
	Files
}

var _ infer.Fn[RunInputs, RunOutputs] = Run{}

// Invoke runs the command.
func (Run) Invoke(
	ctx context.Context, req infer.FunctionRequest[RunInputs],
) (infer.FunctionResponse[RunOutputs], error) {
	result := RunOutputs{RunInputs: req.Input}
	var err error
	result.Printed, err = req.Input.execute(ctx, req.Input.Command, script.Printed{})
	if err == nil {
		result.Files, err = req.Input.collect()
	}
	return infer.FunctionResponse[RunOutputs]{Output: result}, err
}
