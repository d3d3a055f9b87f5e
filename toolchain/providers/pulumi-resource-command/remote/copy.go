package remote

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"

	"dockyard/toolchain/providers/pulumi-resource-command/internal/script"
)

// CopyToRemote is the resource command:remote:CopyToRemote. It copies a file,
// a text or a directory to a server, and again when one of its inputs changes.
type CopyToRemote struct{}

// CopyToRemoteInputs are the inputs of a CopyToRemote.
type CopyToRemoteInputs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Triggers   *[]any               `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
}

// CopyToRemoteOutputs are the state of a CopyToRemote.
type CopyToRemoteOutputs struct {
	CopyToRemoteInputs
}

var (
	_ infer.CustomCheck[CopyToRemoteInputs]                       = CopyToRemote{}
	_ infer.CustomCreate[CopyToRemoteInputs, CopyToRemoteOutputs] = CopyToRemote{}
	_ infer.CustomUpdate[CopyToRemoteInputs, CopyToRemoteOutputs] = CopyToRemote{}
)

// Check refuses sources that are neither files nor text.
func (CopyToRemote) Check(
	ctx context.Context, req infer.CheckRequest,
) (infer.CheckResponse[CopyToRemoteInputs], error) {
	inputs, failures, err := infer.DefaultCheck[CopyToRemoteInputs](ctx, req.NewInputs)
	if err == nil && !req.NewInputs.Get("source").IsComputed() {
		if reason := unsupported(inputs.Source); reason != "" {
			failures = append(failures, p.CheckFailure{Property: "source", Reason: reason})
		}
	}
	return infer.CheckResponse[CopyToRemoteInputs]{Inputs: inputs, Failures: failures}, err
}

// unsupported says why source cannot be copied, or "" if it can.
func unsupported(source types.AssetOrArchive) string {
	switch {
	case source.Asset != nil && (source.Asset.IsPath() || source.Asset.IsText()):
		return ""
	case source.Archive != nil && source.Archive.IsPath():
		return ""
	default:
		return "must be a FileAsset, a StringAsset or a FileArchive"
	}
}

// Create copies the source.
func (CopyToRemote) Create(
	ctx context.Context, req infer.CreateRequest[CopyToRemoteInputs],
) (infer.CreateResponse[CopyToRemoteOutputs], error) {
	id, err := script.NewID(req.Name, req.DryRun)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyToRemoteOutputs]{ID: id, Output: CopyToRemoteOutputs{req.Inputs}}, err
}

// Update copies the source again.
func (CopyToRemote) Update(
	ctx context.Context, req infer.UpdateRequest[CopyToRemoteInputs, CopyToRemoteOutputs],
) (infer.UpdateResponse[CopyToRemoteOutputs], error) {
	var err error
	if !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyToRemoteOutputs]{Output: CopyToRemoteOutputs{req.Inputs}}, err
}

func (in CopyToRemoteInputs) copy(ctx context.Context) error {
	up, err := openUpload(ctx, in.Connection)
	if err != nil {
		return err
	}
	defer up.close()
	switch {
	case in.Source.Asset != nil && in.Source.Asset.IsText():
		return up.text(in.Source.Asset.Text, in.RemotePath)
	case in.Source.Asset != nil:
		return up.path(in.Source.Asset.Path, in.RemotePath)
	default:
		return up.path(in.Source.Archive.Path, in.RemotePath)
	}
}
