// Command pulumi-resource-random is the Pulumi resource plugin behind
// @pulumi/random: the Terraform random provider under Pulumi's names.
package main

import (
	"context"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/terraform-providers/terraform-provider-random/shim"

	"dockyard/toolchain/providers/internal/bridge"
)

// version is the release of @pulumi/random whose resources are served.
const version = "4.21.2"

func providerInfo() tfbridge.ProviderInfo {
	resource := func(name string) *tfbridge.ResourceInfo {
		return &tfbridge.ResourceInfo{Tok: bridge.Resource("random", "Random"+name)}
	}
	return tfbridge.ProviderInfo{
		P:            pf.ShimProvider(shim.Random()),
		Name:         "random",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Resources: map[string]*tfbridge.ResourceInfo{
			"random_bytes":    resource("Bytes"),
			"random_id":       resource("Id"),
			"random_integer":  resource("Integer"),
			"random_password": resource("Password"),
			"random_pet":      resource("Pet"),
			"random_shuffle":  resource("Shuffle"),
			"random_string":   resource("String"),
			"random_uuid":     resource("Uuid"),
		},
	}
}

func main() {
	info := providerInfo()
	bridge.Main(bridge.Plugin{
		Info: info,
		NewServer: func(ctx context.Context, host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
			return pf.NewProviderServer(ctx, host, info, pf.ProviderMetadata{PackageSchema: bridge.Stub})
		},
		GenerateSchema: func(ctx context.Context, sink diag.Sink) ([]byte, error) {
			generated, err := tfgen.GenerateSchema(ctx, tfgen.GenerateSchemaOptions{
				ProviderInfo: info, DiagnosticsSink: sink, XInMemoryDocs: true,
			})
			if err != nil {
				return nil, err
			}
			return generated.ProviderMetadata.PackageSchema, nil
		},
	})
}
