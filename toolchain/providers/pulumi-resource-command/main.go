// Command pulumi-resource-command is the Pulumi resource plugin behind
// @pulumi/command: it runs commands on this machine and over SSH, and copies
// files to other machines.
package main

import (
	"context"
	"fmt"
	"os"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"dockyard/toolchain/providers/pulumi-resource-command/local"
	"dockyard/toolchain/providers/pulumi-resource-command/remote"
)

// version is the release of @pulumi/command whose resources are served.
const version = "1.2.1"

func newProvider() (p.Provider, error) {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("Command").
		WithDescription("Runs commands and scripts locally or remotely as part of the resource model.").
		WithResources(
			infer.Resource(local.Command{}),
			infer.Resource(remote.Command{}),
			infer.Resource(remote.CopyToRemote{}),
			infer.Resource(remote.CopyFile{}),
		).
		WithFunctions(infer.Function(local.Run{})).
		Build()
	if err != nil {
		return p.Provider{}, err
	}
	return unknownInPreview(provider), nil
}

func main() {
	provider, err := newProvider()
	if err == nil {
		err = provider.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
