package remote

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// Command is the resource command:remote:Command. It runs one command when it
// is created, one when its inputs change, and one when it is deleted, each in
// an SSH session of its own.
type Command struct{}

// CommandInputs are the inputs of a Command.
type CommandInputs struct {
	script.Scripts
	Session
}

// CommandOutputs are the state of a Command.
type CommandOutputs struct {
	CommandInputs
	script.Printed
}

var (
	_ infer.CustomCreate[CommandInputs, CommandOutputs] = Command{}
	_ infer.CustomUpdate[CommandInputs, CommandOutputs] = Command{}
	_ infer.CustomDelete[CommandOutputs]                = Command{}
)

// Create runs the create command, if there is one.
func (Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := script.NewID(req.Name, req.DryRun)
	if err == nil && !req.DryRun && req.Inputs.Create != nil {
		state.Printed, err = state.execute(ctx, *req.Inputs.Create, state.Printed)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command in place of it.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs, Printed: req.State.Printed}
	var err error
	if command := req.Inputs.OnUpdate(); command != nil && !req.DryRun {
		state.Printed, err = state.execute(ctx, *command, state.Printed)
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the delete command, if there is one.
func (Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	var err error
	if command := req.State.Delete; command != nil {
		_, err = req.State.execute(ctx, *command, req.State.Printed)
	}
	return infer.DeleteResponse{}, err
}
