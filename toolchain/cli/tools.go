//go:build tools

// Package cli only pins the version of Pulumi's command line that set-up builds where the official download is
// out of reach. Nothing of its own is compiled: see go.mod, and toolchain/pulumi/registry.mjs for the build.
package cli

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
