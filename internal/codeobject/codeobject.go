// Package codeobject reads GPU code objects out of HIP shared libraries and cuts libraries and kernel folders
// down to chosen GPU targets.
//
// A HIP library carries its kernels in the ELF section .hip_fatbin as clang offload bundles, plain or compressed;
// each bundle holds one code object (itself an ELF) for every GPU target the library was built for. Open lists and
// reads them, CutTree removes those of other targets and proves that what it kept is byte for byte what was there.
//
// It does not compile, disassemble or judge kernels, it does not know recipes or images, and it starts no program.
package codeobject

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Target is a GPU target without feature suffixes, e.g. gfx1151, gfx90a or gfx11-generic. Empty: the host.
type Target string

// Entry is one row of a bundle's table.
type Entry struct {
	ID     string // e.g. hipv4-amdgcn-amd-amdhsa--gfx90a:xnack+
	Target Target // gfx90a; empty for the host's entry
	Offset int64  // bytes from the start of the uncompressed bundle
	Size   int64  // bytes
}

// Object is a code object with its content.
type Object struct {
	Entry
	Data []byte
}

// SHA256 is the hex digest of the content.
func (o Object) SHA256() string {
	sum := sha256.Sum256(o.Data)
	return hex.EncodeToString(sum[:])
}

const (
	hostKind    = "host"
	spirvTarget = "amdgcnspirv"
)

// A target as AMD spells it: gfx, digits, at most the last ones hexadecimal; generic ones name a family.
const targetExpr = `gfx[0-9]+(?:-[0-9]+)?-generic|gfx[0-9]+[0-9a-f]*`

var targetWhole = regexp.MustCompile(`^(?:` + targetExpr + `|` + spirvTarget + `)$`)

// parseID returns the target an entry id names, or "" for the host's. An id that is neither is an error: the cut
// could not say whether it may go.
//
// The form is <kind>-<triple>-<target id>[:feature…] with a triple of four parts, the last one often empty
// (clang documentation, "Clang Offload Bundler", section Bundle Entry ID). Compilers before that rule wrote triples
// of three parts, so that the target is the fifth part.
func parseID(id string) (Target, error) {
	parts := strings.SplitN(id, "-", 6)
	if parts[0] == hostKind {
		return "", nil
	}
	if len(parts) < 5 {
		return "", fmt.Errorf("bundle entry %q names neither the host nor a GPU target", id)
	}
	last := parts[len(parts)-1]
	if len(parts) == 6 && parts[4] != "" && strings.HasPrefix(parts[4], "gfx") {
		last = parts[4] + "-" + parts[5] // three-part triple and a generic target
	}
	name, _, _ := strings.Cut(last, ":")
	if !targetWhole.MatchString(name) {
		return "", fmt.Errorf("bundle entry %q names neither the host nor a GPU target", id)
	}
	return Target(name), nil
}

// parseKeep checks the targets a caller wants to keep.
func parseKeep(keep []string) ([]Target, error) {
	if len(keep) == 0 {
		return nil, fmt.Errorf("no GPU target to keep was given")
	}
	var out []Target
	for _, k := range keep {
		if !targetWhole.MatchString(k) {
			return nil, fmt.Errorf("%q is no GPU target (want a name like gfx1151, without feature suffixes)", k)
		}
		out = append(out, Target(k))
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// targetSet sorts targets and drops repeats and the host. It is never nil, so that JSON shows an empty list.
func targetSet(targets []Target) []Target {
	out := make([]Target, 0, len(targets))
	for _, t := range targets {
		if t != "" {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// joinTargets is for messages.
func joinTargets(targets []Target) string {
	if len(targets) == 0 {
		return "none"
	}
	words := make([]string, len(targets))
	for i, t := range targets {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}
