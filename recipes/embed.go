// Package recipes carries the shipped recipes, tracks and flags inside the program. It has no code.
package recipes

import "embed"

// FS holds this folder's YAML files.
//
//go:embed *.yaml
var FS embed.FS
