package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// property is what Pulumi sees of one property of a resource.
type property struct {
	Type       string              `json:"type"` // as in a Pulumi package schema
	Input      bool                `json:"input,omitempty"`
	Replaces   bool                `json:"replaces,omitempty"` // a change makes a new resource
	Items      *property           `json:"items,omitempty"`    // of arrays and maps
	Properties map[string]property `json:"properties,omitempty"`
}

// describe lists all resources by their Pulumi type with the names, types and replacement rules that the bridge
// gives their properties, so that a test can compare them with the official plugin's package schema.
func describe(provider tfbridge.ProviderInfo) map[string]map[string]property {
	resources := map[string]map[string]property{}
	provider.P.ResourcesMap().Range(func(name string, resource shim.Resource) bool {
		info := provider.Resources[name]
		resources[string(info.Tok)] = properties(resource.Schema(), info.Fields)
		return true
	})
	return resources
}

func properties(schemas shim.SchemaMap, infos map[string]*tfbridge.SchemaInfo) map[string]property {
	result := map[string]property{}
	schemas.Range(func(name string, schema shim.Schema) bool {
		info := infos[name]
		described := describeProperty(schema, info)
		described.Input = schema.Required() || schema.Optional()
		described.Replaces = schema.ForceNew()
		result[tfbridge.TerraformToPulumiNameV2(name, schemas, infos)] = described
		return true
	})
	return result
}

func describeProperty(schema shim.Schema, info *tfbridge.SchemaInfo) property {
	switch schema.Type() {
	case shim.TypeBool:
		return property{Type: "boolean"}
	case shim.TypeInt:
		return property{Type: "integer"}
	case shim.TypeFloat:
		return property{Type: "number"}
	case shim.TypeString:
		return property{Type: "string"}
	case shim.TypeMap:
		if _, ok := schema.Elem().(shim.Resource); ok {
			return describeElement(schema, info)
		}
		item := describeElement(schema, info)
		return property{Type: "object", Items: &item}
	default:
		item := describeElement(schema, info)
		if tfbridge.IsMaxItemsOne(schema, info) {
			return item // the bridge gives the one element itself
		}
		return property{Type: "array", Items: &item}
	}
}

func describeElement(schema shim.Schema, info *tfbridge.SchemaInfo) property {
	var element *tfbridge.SchemaInfo
	if info != nil {
		element = info.Elem
	}
	switch elem := schema.Elem().(type) {
	case shim.Schema:
		return describeProperty(elem, element)
	case shim.Resource:
		var fields map[string]*tfbridge.SchemaInfo
		if element != nil {
			fields = element.Fields
		}
		return property{Type: "object", Properties: properties(elem.Schema(), fields)}
	default:
		return property{Type: "string"} // a map without a declared element
	}
}
