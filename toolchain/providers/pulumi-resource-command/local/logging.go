package local

import (
	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// Logging says which of a command's streams go to Pulumi's log.
type Logging string

// Values lists the allowed values.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: "Stdout", Value: "stdout", Description: "Capture stdout in logs but not stderr"},
		{Name: "Stderr", Value: "stderr", Description: "Capture stderr in logs but not stdout"},
		{Name: "StdoutAndStderr", Value: "stdoutAndStderr", Description: "Capture stdout and stderr in logs"},
		{Name: "None", Value: "none", Description: "Capture no logs"},
	}
}

func (l *Logging) streams() script.Streams {
	if l == nil {
		return script.ParseStreams("")
	}
	return script.ParseStreams(string(*l))
}
