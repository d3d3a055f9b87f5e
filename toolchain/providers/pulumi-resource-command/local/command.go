// Package local runs commands on the machine that Pulumi runs on.
package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// Command is the resource command:local:Command. It runs one command when it
// is created, one when its inputs change, and one when it is deleted.
type Command struct{}

// CommandInputs are the inputs of a Command.
type CommandInputs struct {
	script.Scripts
	Process
}

// CommandOutputs are the state of a Command.
type CommandOutputs struct {
	CommandInputs
	script.Printed
	Files
}

var (
	_ infer.CustomCreate[CommandInputs, CommandOutputs] = Command{}
	_ infer.CustomUpdate[CommandInputs, CommandOutputs] = Command{}
	_ infer.CustomRead[CommandInputs, CommandOutputs]   = Command{}
	_ infer.CustomDelete[CommandOutputs]                = Command{}
)

// Create runs the create command, if there is one.
func (Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs}
	id, err := script.NewID(req.Name, req.DryRun)
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command in place of it.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: req.Inputs, Printed: req.State.Printed}
	files, err := state.restore(req.State.Files)
	state.Files = files
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.OnUpdate())
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Read returns the state as it is: what a command did cannot be looked up.
func (Command) Read(
	_ context.Context, req infer.ReadRequest[CommandInputs, CommandOutputs],
) (infer.ReadResponse[CommandInputs, CommandOutputs], error) {
	state := req.State
	var err error
	state.Files, err = state.restore(state.Files)
	return infer.ReadResponse[CommandInputs, CommandOutputs]{ID: req.ID, Inputs: req.Inputs, State: state}, err
}

// Delete runs the delete command, if there is one.
func (Command) Delete(
	ctx context.Context, req infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	if req.State.Delete == nil {
		return infer.DeleteResponse{}, nil
	}
	_, err := req.State.execute(ctx, *req.State.Delete, req.State.Printed)
	return infer.DeleteResponse{}, err
}

// run runs command and stores its outputs. It does nothing without a command.
func (s *CommandOutputs) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	printed, err := s.execute(ctx, *command, s.Printed)
	if err != nil {
		return err
	}
	files, err := s.collect()
	if err != nil {
		return err
	}
	s.Printed, s.Files = printed, files
	return nil
}
