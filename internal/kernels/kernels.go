// Package kernels says what GPU kernels take and what became of them between two builds: names in words, how many waves run
// at once, and which kernels got worse.
//
// It does not open images or libraries, and it does not decide whether a change may be published.
package kernels

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"strix-build/internal/codeobject"
)

// Kernel is a kernel of a library.
type Kernel struct {
	Library string            `json:"library"` // as in Library.Name
	Target  codeobject.Target `json:"target"`
	Name
	codeobject.Kernel
	Occupancy int `json:"occupancy"` // most waves a SIMD holds at once; 0 where gpus.yaml lacks the target
}

// Library is a file with kernels.
type Library struct {
	Name    string   `json:"name"` // without version, so that it is the same in two images: libggml-hip
	Path    string   `json:"path"` // below the image's root
	Size    int64    `json:"bytes"`
	Objects []Object `json:"codeObjects"`
}

// Object is a code object of a library.
type Object struct {
	Bundle  int               `json:"bundle"`
	ID      string            `json:"id,omitempty"`
	Target  codeobject.Target `json:"target"`
	Kernels int               `json:"kernels"`
}

// Set is the kernels of an image.
type Set struct {
	Libraries []Library
	Kernels   []Kernel
}

// version is what follows a library's name: .so.0.9.8, or .co for a code object alone.
var version = regexp.MustCompile(`\.(so|co|hsaco)(\.[0-9.]+)?$`)

// Add puts the kernels of a file into the set; a file without kernels is left out.
func (s *Set) Add(names *Names, file string, size int64, modules []codeobject.Module) error {
	gpus, err := loadGPUs()
	if err != nil {
		return err
	}
	l := Library{Name: version.ReplaceAllString(path.Base(file), ""), Path: strings.TrimPrefix(file, "/"), Size: size}
	before := len(s.Kernels)
	for _, m := range modules {
		l.Objects = append(l.Objects, Object{m.Bundle, m.ID, m.Target, len(m.Kernels)})
		for _, k := range m.Kernels {
			name, err := names.Of(k.Symbol)
			if err != nil {
				return err
			}
			s.Kernels = append(s.Kernels, Kernel{l.Name, m.Target, name, k, gpus[m.Target].occupancy(k)})
		}
	}
	if len(s.Kernels) > before {
		s.Libraries = append(s.Libraries, l)
	}
	return nil
}

// Foreign are the libraries with their code objects that are for other targets than the one that is wanted.
func (s *Set) Foreign(target codeobject.Target) []Library {
	out := []Library{}
	for _, l := range s.Libraries {
		var other []Object
		for _, o := range l.Objects {
			if o.Target != target {
				other = append(other, o)
			}
		}
		if len(other) > 0 {
			l.Objects = other
			out = append(out, l)
		}
	}
	return out
}

// Families are the kernels' families, sorted.
func (s *Set) Families() []string {
	var out []string
	for _, k := range s.Kernels {
		out = append(out, k.Family)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Only leaves the kernels of some families.
func (s *Set) Only(families []string) {
	s.Kernels = slices.DeleteFunc(s.Kernels, func(k Kernel) bool { return !slices.Contains(families, k.Family) })
}
