// Package containers carries the shipped container definitions inside the program. It has no code.
package containers

import "embed"

// FS holds this folder's YAML files.
//
//go:embed *.yaml
var FS embed.FS
