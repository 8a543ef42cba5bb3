package backendops

import (
	_ "embed"
	"sync"

	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

//go:embed ops.yaml
var opsYAML []byte

// listed is an operation of ops.yaml.
type listed struct {
	Name   string         `yaml:"name,required"`
	Window version.Window `yaml:"window"`
}

// list panics where the file that is compiled in cannot be read: a test reads it.
var list = sync.OnceValue(func() []listed {
	var d struct {
		Ops []listed `yaml:"ops,required"`
	}
	if err := strictyaml.Decode("internal/backendops/ops.yaml", opsYAML, &d).Err(); err != nil {
		panic(err)
	}
	return d.Ops
})

// Ops are the names of the operations that a build's program is asked for; 0, a build that is not known: all.
func Ops(b version.Build) []string {
	var out []string
	for _, o := range list() {
		if b == 0 || o.Window.Contains(b) {
			out = append(out, o.Name)
		}
	}
	return out
}
