// Package patch holds patch sets: one purpose each, with one variant per window of build numbers. It reads and checks
// them, and says what git would make of a patch on a given tree.
//
// It fetches nothing and writes no files: trees are read through an interface, patches are applied in memory.
package patch

import (
	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// Text carries the place it was read from.
type Text = strictyaml.Text

// Set is patches/<name>/patchset.yaml.
type Set struct {
	Title     Text                       `yaml:"title,required" doc:"what the set does, one line"`
	Upstream  Standing                   `yaml:"upstream" doc:"where it stands upstream"`
	Class     Text                       `yaml:"class,required" doc:"what it is for" enum:"performance,correctness,build"`
	Backends  []Text                     `yaml:"backends,required" doc:"backends it changes"`
	Expect    map[string]map[string]Text `yaml:"expect" doc:"expected effect by model class and llama-bench cell: up, down or same"`
	Requires  []Text                     `yaml:"requires" doc:"patch sets that come before it in a recipe's list"`
	Prove     []Text                     `yaml:"prove" doc:"what a gate proves of images that have it" enum:"spec"`
	Conflicts []Clash                    `yaml:"conflicts" doc:"what it must not be combined with"`
	Kernels   []Kernels                  `yaml:"kernels" doc:"which GPU kernels the host can choose after it, for the gate"`
	Variants  []Variant                  `yaml:"variants,required" doc:"one per window"`

	Name string   `yaml:"-"` // the folder's name
	Pos  diag.Pos `yaml:"-"`
}

// Kind names the document in messages.
func (Set) Kind() string { return "patch set" }

// Clash is a combination that is refused: all words of With together with the set. A word is a patch set, a feature, a
// compiler flag such as -ffast-math, or NAME=VALUE of CMake or the environment.
type Clash struct {
	With    []Text `yaml:"with,required" doc:"words that are refused together with the set, all of them at once: patch set, feature, compiler flag, NAME=VALUE"`
	Because Text   `yaml:"because,required" doc:"what goes wrong, for the message"`
	Origin  Text   `yaml:"origin" doc:"where that is known from"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Standing uses Yocto's status words.
type Standing struct {
	Pull         int   `yaml:"pull" doc:"pull request number"`
	Status       Text  `yaml:"status" doc:"Yocto's Upstream-Status word" enum:"pending,submitted,backport,denied,inactive-upstream,inappropriate"`
	SupersededBy []int `yaml:"superseded-by" doc:"pull requests that carry the idea"`
}

// Variant is the form of a set for one window: a series folder of patch files, or a pinned pull request.
type Variant struct {
	Window  version.Window `yaml:"window,required" doc:"build numbers it is for"`
	Because Text           `yaml:"because" doc:"why the window is narrower than where the patches apply"`
	Warn    Text           `yaml:"warn" doc:"what who builds with it should know; plan and lint show it"`
	Series  Text           `yaml:"series" doc:"folder with NNNN-name.patch files"`
	Pull    *Pull          `yaml:"pull" doc:"a pull request pinned by base and head"`
	SHA256  Text           `yaml:"sha256" doc:"digest of the pull request's normalised diff"`

	Pos diag.Pos `yaml:"-"`
}

// Pull pins a pull request; it is never fetched by its number alone.
type Pull struct {
	Number int  `yaml:"number,required" doc:"pull request number"`
	Base   Text `yaml:"base,required" doc:"full commit id of the base"`
	Head   Text `yaml:"head,required" doc:"full commit id of the head"`

	Places strictyaml.Places `yaml:"-"`
}

// File is one patch ready to be applied.
type File struct {
	Name string   // e.g. mmq-gfx1151/0001-tiles.patch, or mmq-gfx1151/pull-21344.patch
	Data []byte   // normalised unified diff (git format)
	Pos  diag.Pos // the line of patchset.yaml that brought it in
}
