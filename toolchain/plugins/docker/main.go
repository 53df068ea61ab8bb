// The docker provider plugin for networks where the official one cannot be downloaded: Pulumi's Terraform bridge
// over the upstream Docker provider, which is what the official plugin is made of. See README.md beside this file.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

// The version of the npm package @pulumi/docker that it stands in for; the build sets it. The engine asks for
// exactly that version.
var version = "0.0.0"

func main() {
	provider := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(shim.NewProvider()),
		Name:    "docker",
		Version: version,
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_image":  {Tok: tfbridge.MakeResource("docker", "index", "RemoteImage")},
			"docker_config": {Tok: tfbridge.MakeResource("docker", "index", "ServiceConfig")},
			"docker_container": {
				Tok: tfbridge.MakeResource("docker", "index", "Container"),
				// Names and published ports are taken: the new container cannot stand beside the old one.
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					// The bridge would make plurals of these names, the official plugin does not.
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
		},
	}
	provider.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard("docker")))
	if len(os.Args) == 2 && os.Args[1] == "-describe" {
		if err := json.NewEncoder(os.Stdout).Encode(describe(provider)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	tfbridge.Main("docker", version, provider, nil)
}
