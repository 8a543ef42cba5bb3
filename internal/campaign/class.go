package campaign

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"strix-build/internal/gguf"
	"strix-build/internal/strictyaml"
)

// Unknown is the class of an architecture that classes.yaml does not have.
const Unknown gguf.Class = "unknown"

//go:embed classes.yaml
var classFile []byte

type classes struct {
	Hybrid []string `yaml:"hybrid,required" doc:"layers with recurrent state and layers with attention"`
	MoE    []string `yaml:"moe,required" doc:"experts, of which a token uses some"`
	Dense  []string `yaml:"dense,required" doc:"all weights for each token"`
}

var known = sync.OnceValue(func() *classes {
	var c classes
	if err := strictyaml.Decode("internal/campaign/classes.yaml", classFile, &c).Err(); err != nil {
		panic(err)
	}
	return &c
})

// someActive is how llama.cpp writes the size of a model with experts: 35B.A3B.
var someActive = regexp.MustCompile(`^[0-9.?x]+B\.A[0-9.]+B$`)

// classOf is the class of a row's model, by llama-bench's model_type: architecture, size, quantisation.
func classOf(modelType string) gguf.Class {
	arch, rest, _ := strings.Cut(modelType, " ")
	size, _, _ := strings.Cut(rest, " ")
	c := known()
	switch {
	case slices.Contains(c.Hybrid, arch):
		return gguf.Hybrid
	case slices.Contains(c.MoE, arch), strings.HasSuffix(arch, "moe"), someActive.MatchString(size):
		return gguf.MoE
	case slices.Contains(c.Dense, arch):
		return gguf.Dense
	}
	return Unknown
}
