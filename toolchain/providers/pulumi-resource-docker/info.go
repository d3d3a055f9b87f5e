package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"

	"dockyard/toolchain/providers/internal/bridge"
)

// version is the release of @pulumi/docker whose resources are served.
const version = "5.2.0"

// providerInfo maps the names of the Terraform provider to those of
// @pulumi/docker, where they are not what the bridge makes of them by itself.
func providerInfo() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:            sdkv2.NewProvider(shim.Docker(version)),
		Name:         "docker",
		Version:      version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		Config: map[string]*tfbridge.SchemaInfo{
			"registry_auth": {Name: "registryAuth", MaxItemsOne: tfbridge.False()},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_buildx_builder": {Tok: bridge.Resource("docker", "BuildxBuilder")},
			"docker_config":         {Tok: bridge.Resource("docker", "ServiceConfig")},
			"docker_container":      container(),
			"docker_image": {
				Tok:    bridge.Resource("docker", "RemoteImage"),
				Fields: map[string]*tfbridge.SchemaInfo{"name": {Name: "name"}},
			},
			"docker_network":        {Tok: bridge.Resource("docker", "Network")},
			"docker_plugin":         {Tok: bridge.Resource("docker", "Plugin")},
			"docker_registry_image": {Tok: bridge.Resource("docker", "RegistryImage")},
			"docker_secret":         {Tok: bridge.Resource("docker", "Secret")},
			"docker_service":        {Tok: bridge.Resource("docker", "Service")},
			"docker_tag":            {Tok: bridge.Resource("docker", "Tag")},
			"docker_volume":         {Tok: bridge.Resource("docker", "Volume")},
		},
		DataSources: map[string]*tfbridge.DataSourceInfo{
			"docker_image":                    {Tok: bridge.Function("docker", "getRemoteImage")},
			"docker_logs":                     {Tok: bridge.Function("docker", "getLogs")},
			"docker_network":                  {Tok: bridge.Function("docker", "getNetwork")},
			"docker_plugin":                   {Tok: bridge.Function("docker", "getPlugin")},
			"docker_registry_image":           {Tok: bridge.Function("docker", "getRegistryImage")},
			"docker_registry_image_manifests": {Tok: bridge.Function("docker", "getRegistryImageManifests")},
		},
	}
	info.SetAutonaming(255, "-")
	bridge.NameFields(&info)
	return info
}

// container is replaced by taking the old one away first: two containers can
// have neither the same name nor the same ports.
func container() *tfbridge.ResourceInfo {
	return &tfbridge.ResourceInfo{
		Tok:                 bridge.Resource("docker", "Container"),
		DeleteBeforeReplace: true,
		Fields: map[string]*tfbridge.SchemaInfo{
			"command":           {Name: "command"},
			"networks_advanced": {Name: "networksAdvanced"},
		},
	}
}
