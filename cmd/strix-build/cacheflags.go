package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/buildkit"
	"strix-build/internal/publish"
)

// cacheFlags say where a build's steps come from and go to beside the builder.
type cacheFlags struct {
	repository string
	from, to   []string
	readOnly   bool
	compiler   float64
}

func (f *cacheFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&f.repository, "cache", "", "keep build steps of each image, and what compilers cached, in `REPOSITORY` of a registry, and begin with what is there")
	fl.Float64Var(&f.compiler, "cache-compiler", 2, "keep up to `GB` of compiler cache for each container in --cache; 0: none")
	fl.BoolVar(&f.readOnly, "cache-read-only", false, "write nothing to --cache: for builds that others may start")
	fl.StringArrayVar(&f.from, "cache-from", nil, "also take steps from `REF`, or type=registry,ref=REF")
	fl.StringArrayVar(&f.to, "cache-to", nil, "also write steps to `REF`, or type=registry,ref=REF,mode=max and BuildKit's other attributes")
}

func (f *cacheFlags) caches() (build.Caches, error) {
	c := build.Caches{Repository: f.repository, ReadOnly: f.readOnly, CompilerBytes: int64(f.compiler * 1e9)}
	if f.compiler < 0 {
		return c, usage("--cache-compiler %g: less than nothing", f.compiler)
	}
	if f.readOnly && f.repository == "" {
		return c, usage("--cache-read-only is of --cache")
	}
	if f.repository != "" {
		if _, err := publish.Open(f.repository, publish.Options{}); err != nil {
			return c, usage("--cache: %v", err)
		}
	}
	var err error
	if c.From, err = parsed("--cache-from", f.from, buildkit.CacheFrom); err != nil {
		return c, err
	}
	c.To, err = parsed("--cache-to", f.to, buildkit.CacheTo)
	return c, err
}

func parsed(flag string, texts []string, parse func(string) (buildkit.Cache, error)) ([]buildkit.Cache, error) {
	var out []buildkit.Cache
	for _, t := range texts {
		c, err := parse(t)
		if err != nil {
			return nil, usage("%s", fmt.Sprintf("%s %v", flag, err))
		}
		out = append(out, c)
	}
	return out, nil
}
