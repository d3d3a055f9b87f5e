package bridge

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// NameFields writes down the Pulumi name of each field of each resource. The
// bridge makes a name that is not written down anew whenever it compares one,
// and it compares with all of a resource's fields for every value of a diff:
// a third of the plugin's time.
func NameFields(info *tfbridge.ProviderInfo) {
	info.P.ResourcesMap().Range(func(name string, resource shim.Resource) bool {
		if known := info.Resources[name]; known != nil {
			known.Fields = named(resource.Schema(), known.Fields)
		}
		return true
	})
}

// named returns fields with the names of all that are in schema, and in the
// blocks nested there.
func named(schema shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo) map[string]*tfbridge.SchemaInfo {
	all := map[string]*tfbridge.SchemaInfo{}
	schema.Range(func(name string, field shim.Schema) bool {
		info := tfbridge.SchemaInfo{}
		if known := fields[name]; known != nil {
			info = *known
		}
		info.Name = tfbridge.TerraformToPulumiNameV2(name, schema, fields)
		if block, nested := field.Elem().(shim.Resource); nested {
			elem := tfbridge.SchemaInfo{}
			if info.Elem != nil {
				elem = *info.Elem
			}
			elem.Fields = named(block.Schema(), elem.Fields)
			info.Elem = &elem
		}
		all[name] = &info
		return true
	})
	return all
}
