package llamalog

import (
	_ "embed"
	"regexp"
	"slices"
	"sync"

	"strix-build/internal/strictyaml"
)

//go:embed signs.yaml
var signsYAML []byte

// document is signs.yaml.
type document struct {
	Symptoms []string `yaml:"symptoms,required"`
	Refusals []string `yaml:"refusals,required"`
	Mistakes []string `yaml:"mistakes,required"`
	Facts    struct {
		Device  string `yaml:"device,required"`
		Offload string `yaml:"offload,required"`
		Splits  string `yaml:"splits,required"`
	} `yaml:"facts,required"`
}

// signs are what lines are looked through for.
type signs struct {
	symptoms, refusals, mistakes []string
	all                          []string
	device, offload, splits      *regexp.Regexp
}

// known panics where the file that is compiled in cannot be read: a test reads it.
var known = sync.OnceValue(func() *signs {
	var d document
	if err := strictyaml.Decode("internal/llamalog/signs.yaml", signsYAML, &d).Err(); err != nil {
		panic(err)
	}
	return &signs{
		symptoms: d.Symptoms, refusals: d.Refusals, mistakes: d.Mistakes, all: slices.Concat(d.Symptoms, d.Refusals, d.Mistakes),
		device: regexp.MustCompile(d.Facts.Device), offload: regexp.MustCompile(d.Facts.Offload), splits: regexp.MustCompile(d.Facts.Splits),
	}
})
