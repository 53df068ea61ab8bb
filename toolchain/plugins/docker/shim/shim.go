// Package shim gives the upstream provider to a program outside its module: the module replacement in go.mod
// places this package under the provider's own path, which may import its internal packages.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// NewProvider is the upstream Docker provider.
func NewProvider() *schema.Provider { return provider.New("dev")() }
