// Package ab is the document of a lattice: changes to one recipe, the combinations of them that were built and measured, and what the figures
// show.
//
// Everything that is concluded is computed from the measurements each time a document is read; nothing of it is stored. It builds and runs
// nothing, and prints to nobody.
package ab

import (
	"strings"

	"strix-build/internal/factorial"
	"strix-build/internal/matrix"
)

// Version is the format of [Document] that this program writes; it reads no newer one.
const Version = 1

// Document is a lattice. Its JSON form is what ab writes.
type Document struct {
	Version int                `json:"version"`
	Tool    string             `json:"tool"` // strix-build's own version
	Recipe  string             `json:"recipe"`
	Track   string             `json:"track"`
	Base    string             `json:"base"`   // build number, of every arm
	Commit  string             `json:"commit"` // its
	Set     []string           `json:"set"`    // changes of the recipe that all arms have, as --set takes them
	Waive   []string           `json:"waive"`  // advisories that all arms set aside
	Designs []factorial.Design `json:"designs"`
	Factors []Factor           `json:"factors"`
	Arms    []Arm              `json:"arms"` // the first has nothing on; in the order of the matrix' arms
	Rules   Rules              `json:"rules"`
	Matrix  matrix.Evidence    `json:"matrix"` // what was measured
}

// Kind is what a factor changes.
type Kind string

// The kinds. The first three are built, the others change how an image is run.
const (
	Patch   Kind = "patch"
	Feature Kind = "feature"
	CMake   Kind = "cmake"
	Env     Kind = "env"
	Arg     Kind = "arg"
	FA      Kind = "fa"
	KV      Kind = "kv"
)

// Factor is a change that is on or off.
type Factor struct {
	Name string `json:"name"` // what people call it
	Kind Kind   `json:"kind"`
	// Built says that it is in the image. A feature that is nothing but variables of the environment is not.
	Built bool   `json:"built"`
	On    string `json:"on"`
	Off   string `json:"off"`
	// How programs are run where it is on.
	Environment []string   `json:"environment,omitempty"` // NAME=VALUE; a NAME alone is taken away
	Args        []string   `json:"args,omitempty"`        // of llama-bench
	ServerArgs  []string   `json:"serverArgs,omitempty"`  // of llama-server
	Cache       *matrix.KV `json:"cache,omitempty"`
}

// Arm is a combination.
type Arm struct {
	On  []string `json:"on"`  // names of factors, in their order
	Set []string `json:"set"` // what its image was built with besides
	Key string   `json:"key"` // of its image
	// Forced are the rules that forbid the combination, which was built all the same.
	Forced []string `json:"forced,omitempty"`
	Built  *Built   `json:"built,omitempty"` // nil: its image was there, or is another arm's
}

// Built is how an image came to be.
type Built struct {
	Seconds float64 `json:"seconds"`
	Hits    int     `json:"hits"`   // of the compiler cache
	Misses  int     `json:"misses"` // 0 and 0: not known
}

// Rules are what is called something.
type Rules struct {
	Limit  float64 `json:"limit"`  // share of change that does not matter
	Error  float64 `json:"error"`  // the chance that is accepted of calling anything there that is not
	Steady float64 `json:"steady"` // share by which the first arm may differ from itself
}

// Stock is what the arm with nothing on is called.
const Stock = "stock"

// ArmName is what a combination is called: the names of what is on.
func ArmName(factors []Factor, c factorial.Combination) string {
	var on []string
	for _, i := range c.Factors() {
		on = append(on, factors[i].Name)
	}
	if len(on) == 0 {
		return Stock
	}
	return strings.Join(on, " + ")
}

// Run is how an arm's programs are run: its matrix' arm without the image.
func Run(factors []Factor, c factorial.Combination) matrix.Arm {
	var out matrix.Arm
	for _, i := range c.Factors() {
		f := &factors[i]
		out.Environment = append(out.Environment, f.Environment...)
		out.Args, out.ServerArgs = append(out.Args, f.Args...), append(out.ServerArgs, f.ServerArgs...)
		if f.Cache != nil {
			out.KV = f.Cache
		}
	}
	return out
}

// Image is a combination as far as it is built.
func Image(factors []Factor, c factorial.Combination) factorial.Combination {
	for i, f := range factors {
		if !f.Built {
			c &^= 1 << i
		}
	}
	return c
}

// Plan is the document's design.
func (d *Document) Plan() (*factorial.Plan, error) { return factorial.New(len(d.Factors), d.Designs) }
