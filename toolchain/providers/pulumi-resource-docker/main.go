// Command pulumi-resource-docker is the Pulumi resource plugin behind
// @pulumi/docker: the Terraform Docker provider under Pulumi's names.
package main

import (
	"context"
	"encoding/json"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"dockyard/toolchain/providers/internal/bridge"
)

func main() {
	info := providerInfo()
	bridge.Main(bridge.Plugin{
		Info: info,
		NewServer: func(ctx context.Context, host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
			info.P.InitLogging(ctx)
			return tfbridge.NewProvider(ctx, host, info.Name, info.Version, info.P, info, bridge.Stub), nil
		},
		GenerateSchema: func(_ context.Context, sink diag.Sink) ([]byte, error) {
			generated, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
				ProviderInfo: info, DiagnosticsSink: sink, XInMemoryDocs: true,
			})
			if err != nil {
				return nil, err
			}
			return json.Marshal(generated.PackageSpec)
		},
	})
}
