// Package static makes the gate's checks of an image that run nothing: whether its code is for the right GPU, whether the dynamic
// linker finds everything, whether what was asked for is to be seen in it, what became of each kernel, and how large it is.
//
// It opens no image: somebody else read its layers. It does not say whether a program works, nor how fast it is.
package static

import (
	"fmt"
	"strings"

	"strix-build/internal/dynlink"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/kernels"
)

// Image is what an image shows to one who reads its layers, or a folder of programs to one who looks into it.
type Image struct {
	Kernels *kernels.Set
	// Folder: it is one, and all in it is llama.cpp's. The host decides what its programs find, and nothing below is known of it.
	Folder  bool
	Tree    *dynlink.Tree
	Imports map[string][]string // symbols that llama.cpp's files take from others, by path
	Record  *graph.Record       // what it says of its own build; nil: nothing
	Labels  map[string]string
	Env     []string // NAME=VALUE
	Size    int64    // bytes of its layers, compressed
}

// Input is what is checked, against what.
type Input struct {
	Candidate *Image
	Baseline  *Image // nil: there is none, or none that can be read
	Policy    gate.Policy
	Chosen    *Chosen // which of the candidate's kernels are ever run
}

// The checks' names, in their order.
const (
	nameTargets   = "GPU targets"
	nameLibraries = "libraries resolve"
	nameFlags     = "requested flags"
	nameKernels   = "kernels"
	nameSize      = "image size"
)

// ownFolder is the folder of an image that has llama.cpp's files, and none of the distribution's.
const ownFolder = "usr/local"

// IsOwn reports whether a file of an image is llama.cpp's.
func IsOwn(file string) bool { return strings.HasPrefix(file, ownFolder+"/") }

func (img *Image) isOwn(file string) bool { return img.Folder || IsOwn(file) }

// Checks are the checks that can be made, always in the same order. One without kernels has no checks of them, and a folder none of
// what is an image's.
func Checks(in Input) ([]gate.Check, error) {
	var out []gate.Check
	if len(in.Candidate.Kernels.Libraries) > 0 {
		out = append(out, targetsCheck(in))
	}
	if !in.Candidate.Folder {
		libraries, err := librariesCheck(in.Candidate)
		if err != nil {
			return nil, err
		}
		flags, err := flagsCheck(in.Candidate)
		if err != nil {
			return nil, err
		}
		out = append(out, libraries, flags)
	}
	if len(in.Candidate.Kernels.Kernels) > 0 {
		out = append(out, kernelsCheck(in))
	}
	if !in.Candidate.Folder {
		out = append(out, sizeCheck(in))
	}
	return out, nil
}

// Unread are the same checks for an image that cannot be looked into.
func Unread(why string) []gate.Check {
	var out []gate.Check
	for _, name := range []string{nameTargets, nameLibraries, nameFlags, nameKernels, nameSize} {
		out = append(out, gate.Skip(gate.Static, name, why))
	}
	return out
}

// sizeCheck has the number; the policy may bound it.
func sizeCheck(in Input) gate.Check {
	const mega = 1e6
	f := gate.Figure{Name: "layers, compressed", Unit: "MB", Value: new(float64(in.Candidate.Size) / mega)}
	if in.Baseline != nil && !in.Baseline.Folder {
		f.Baseline = new(float64(in.Baseline.Size) / mega)
	}
	if most := in.Policy.ImageSize; most > 0 {
		f.Most = new(float64(most) / mega)
	}
	return gate.Checked(gate.Static, nameSize, "", f)
}

// librariesCheck refuses an image whose programs would not start.
func librariesCheck(img *Image) (gate.Check, error) {
	r, err := img.Tree.Check(ownFolder, img.Env)
	if err != nil {
		return gate.Check{}, err
	}
	if r.Programs == 0 {
		return gate.Skip(gate.Static, nameLibraries, "there is no program in /"+ownFolder), nil
	}
	c := gate.Checked(gate.Static, nameLibraries, fmt.Sprintf("%d programs, %d libraries that they load", r.Programs, r.Libraries))
	var words []string
	for _, p := range r.Problems {
		words = append(words, p.String())
	}
	if len(words) > 0 {
		c.OK, c.Why = false, first(words)
	}
	return c, nil
}

// first joins the first words of a list that may be long.
func first(words []string) string {
	const most = 12
	if more := len(words) - most; more > 0 {
		words = append(words[:most:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}
