package gguf

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"strix-build/internal/strictyaml"
)

// Class says which kinds of state a model keeps.
type Class string

// The classes.
const (
	Dense  Class = "dense"  // attention alone, one feed-forward network a layer
	MoE    Class = "moe"    // attention alone, experts
	Hybrid Class = "hybrid" // recurrent layers and attention; with or without experts
)

// Model is a smoke model.
type Model struct {
	Name  string
	Arch  string // general.architecture
	Class Class
}

// Models are the smoke models.
func Models() []Model {
	var out []Model
	for _, s := range shapes {
		class := Dense
		switch {
		case s.recurrent:
			class = Hybrid
		case s.experts > 0:
			class = MoE
		}
		out = append(out, Model{s.arch, s.arch, class})
	}
	return out
}

// Accepts are the acceptance rates that every model has a draft for.
func Accepts() []float64 { return []float64{0.5, 0.8, 0.95} }

// noiseTable is smoke.yaml.
type noiseTable struct {
	Models []noiseRow `yaml:"models,required"`
}

type noiseRow struct {
	Arch   string         `yaml:"arch,required"`
	Drafts map[string]int `yaml:"drafts,required"`
}

//go:embed smoke.yaml
var smokeYAML []byte

var loadNoise = sync.OnceValues(func() (noiseTable, error) {
	var t noiseTable
	problems := strictyaml.Decode("internal/gguf/smoke.yaml", smokeYAML, &t)
	return t, problems.Err()
})

// noiseOf returns the noise of a model's draft, as a part of each tensor's root mean square; 0 for the model itself.
func noiseOf(arch string, accept float64) (float64, error) {
	if accept == 0 {
		return 0, nil
	}
	table, err := loadNoise()
	if err != nil {
		return 0, err
	}
	for _, row := range table.Models {
		if n, ok := row.Drafts[rate(accept)]; ok && row.Arch == arch {
			return float64(n) / 10000, nil
		}
	}
	return 0, fmt.Errorf("no draft of %q with acceptance \"%g\"; there are %s", arch, accept, rates())
}

func rates() string {
	var out []string
	for _, a := range Accepts() {
		out = append(out, rate(a))
	}
	return strings.Join(out, ", ")
}

// Bytes makes the file of a model: accept 0 is the model itself, one of Accepts its draft with that acceptance.
func Bytes(arch string, accept float64) ([]byte, error) {
	noise, err := noiseOf(arch, accept)
	if err != nil {
		return nil, err
	}
	return BytesWithNoise(arch, noise)
}

// BytesWithNoise makes a model whose weights are off by noise times their tensor's root mean square: how the table of
// drafts is tuned.
func BytesWithNoise(arch string, noise float64) ([]byte, error) {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.arch == arch })
	if i < 0 {
		return nil, fmt.Errorf("no smoke model %q; there are %s", arch, strings.Join(archs(), ", "))
	}
	return build(shapes[i], noise), nil
}

func archs() []string {
	var out []string
	for _, s := range shapes {
		out = append(out, s.arch)
	}
	return out
}

// FileName is what a model's file is called; accept as for Bytes.
func FileName(arch string, accept float64) string {
	if accept == 0 {
		return arch + ".gguf"
	}
	return arch + "-draft-" + rate(accept) + ".gguf"
}

// rate is an acceptance rate in words, as in smoke.yaml.
func rate(accept float64) string { return strconv.FormatFloat(accept, 'f', -1, 64) }
