package main

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// runOutputs names, for each resource that runs a command, the outputs that a
// run produces, each with the input that asks for it ("" if every run does).
var runOutputs = map[tokens.Type]map[string]string{
	"command:local:Command": {
		"stdout": "", "stderr": "", "assets": "assetPaths", "archive": "archivePaths",
	},
	"command:remote:Command": {"stdout": "", "stderr": ""},
}

// unknownInPreview makes the previews of provider show as unknown what only a
// real run can tell. infer does so for most changes by itself, but takes an
// output for unchanged when an input was added to the program or when the
// output did not exist before.
func unknownInPreview(provider p.Provider) p.Provider {
	create, update := provider.Create, provider.Update
	provider.Create = func(ctx context.Context, req p.CreateRequest) (p.CreateResponse, error) {
		resp, err := create(ctx, req)
		if err == nil && req.DryRun {
			resp.Properties = withUnknowns(req.Urn.Type(), req.Properties, resp.Properties)
		}
		return resp, err
	}
	provider.Update = func(ctx context.Context, req p.UpdateRequest) (p.UpdateResponse, error) {
		resp, err := update(ctx, req)
		if err == nil && req.DryRun {
			resp.Properties = withUnknowns(req.Urn.Type(), req.Inputs, resp.Properties)
		}
		return resp, err
	}
	return provider
}

func withUnknowns(typ tokens.Type, inputs, outputs property.Map) property.Map {
	for output, cause := range runOutputs[typ] {
		if cause != "" && inputs.Get(cause).IsNull() {
			continue
		}
		outputs = outputs.Set(output, property.New(property.Computed).WithSecret(outputs.Get(output).Secret()))
	}
	return outputs
}
