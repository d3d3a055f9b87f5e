package remote

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// CopyFile is the resource command:remote:CopyFile, the deprecated forerunner
// of CopyToRemote. Every change replaces it.
type CopyFile struct{}

// CopyFileInputs are the inputs of a CopyFile.
type CopyFileInputs struct {
	Connection *Connection `pulumi:"connection" provider:"secret"`
	Triggers   *[]any      `pulumi:"triggers,optional"`
	LocalPath  string      `pulumi:"localPath"`
	RemotePath string      `pulumi:"remotePath"`
}

// CopyFileOutputs are the state of a CopyFile.
type CopyFileOutputs struct {
	CopyFileInputs
}

var _ infer.CustomCreate[CopyFileInputs, CopyFileOutputs] = CopyFile{}

// Annotate marks the resource as deprecated.
func (c *CopyFile) Annotate(a infer.Annotator) {
	a.Deprecate(&c, "This resource is deprecated and will be removed in a future release. "+
		"Please use the `CopyToRemote` resource instead.")
}

// Create copies the file.
func (CopyFile) Create(
	ctx context.Context, req infer.CreateRequest[CopyFileInputs],
) (infer.CreateResponse[CopyFileOutputs], error) {
	id, err := script.NewID(req.Name, req.DryRun)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyFileOutputs]{ID: id, Output: CopyFileOutputs{req.Inputs}}, err
}

func (in CopyFileInputs) copy(ctx context.Context) error {
	up, err := openUpload(ctx, in.Connection)
	if err != nil {
		return err
	}
	defer up.close()
	return up.file(in.LocalPath, in.RemotePath)
}
