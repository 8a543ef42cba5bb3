// Package patches carries the shipped patch sets inside the program. It has no code.
package patches

import "embed"

// FS holds one folder a patch set.
//
//go:embed */*.yaml */*/*.patch
var FS embed.FS
