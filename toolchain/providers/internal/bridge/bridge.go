// Package bridge serves a Terraform provider as a Pulumi resource plugin.
package bridge

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"unicode"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Stub is the schema to construct a server with: the true one is made by Main
// when it is asked for.
var Stub = []byte("{}")

// Resource returns the token of the resource name, such as
// docker:index/remoteImage:RemoteImage.
func Resource(pkg, name string) tokens.Type {
	return tokens.Type(token(pkg, name))
}

// Function returns the token of the function name, such as
// docker:index/getNetwork:getNetwork.
func Function(pkg, name string) tokens.ModuleMember {
	return tokens.ModuleMember(token(pkg, name))
}

func token(pkg, name string) string {
	module := string(unicode.ToLower(rune(name[0]))) + name[1:]
	return fmt.Sprintf("%s:index/%s:%s", pkg, module, name)
}

// Plugin is what Main serves.
type Plugin struct {
	Info tfbridge.ProviderInfo
	// NewServer makes the gRPC server for the plugin's host.
	NewServer func(ctx context.Context, host *provider.HostClient) (pulumirpc.ResourceProviderServer, error)
	// GenerateSchema makes the package's schema as JSON.
	GenerateSchema func(ctx context.Context, sink diag.Sink) ([]byte, error)
}

// Main serves the plugin until its host ends it.
func Main(plugin Plugin) {
	ctx := context.Background()
	err := provider.Main(plugin.Info.Name, func(host *provider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		inner, err := plugin.NewServer(ctx, host)
		if err != nil {
			return nil, err
		}
		return &server{ResourceProviderServer: inner, schema: sync.OnceValues(func() ([]byte, error) {
			return plugin.GenerateSchema(ctx, quiet())
		})}, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// server makes the schema of a bridged provider only when it is asked for,
// which a deployment never does.
type server struct {
	pulumirpc.ResourceProviderServer
	schema func() ([]byte, error)
}

func (s *server) GetSchema(
	_ context.Context, req *pulumirpc.GetSchemaRequest,
) (*pulumirpc.GetSchemaResponse, error) {
	if v := req.GetVersion(); v != 0 {
		return nil, fmt.Errorf("unsupported schema version %d", v)
	}
	schema, err := s.schema()
	if err != nil {
		return nil, err
	}
	return &pulumirpc.GetSchemaResponse{Schema: string(schema)}, nil
}

// quiet is a sink that drops the generator's remarks about documentation.
func quiet() diag.Sink {
	return diag.DefaultSink(io.Discard, io.Discard, diag.FormatOptions{Color: colors.Never})
}
