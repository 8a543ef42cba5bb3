package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/gguf"
	"strix-build/internal/llamabench"
	"strix-build/internal/prove"
	"strix-build/internal/recipe"
)

// runsOf are the policy's tests, those of one model at one depth together.
func runsOf(p *recipe.Policy, models map[string]string) ([]gate.Run, error) {
	var out []gate.Run
	for _, class := range recipe.Classes() {
		if models[class] == "" {
			continue
		}
		st, err := os.Stat(models[class])
		if err != nil {
			return nil, err
		}
		byDepth := map[int][]string{}
		for _, test := range slices.Sorted(maps.Keys(p.Limits)) {
			if _, _, depth, err := llamabench.ParseTest(test); err == nil { // its form was checked
				byDepth[depth] = append(byDepth[depth], test)
			}
		}
		for _, depth := range slices.Sorted(maps.Keys(byDepth)) {
			out = append(out, gate.Run{Class: class, Model: filepath.Base(models[class]), Bytes: st.Size(), Depth: depth, Tests: byDepth[depth]})
		}
	}
	return out, nil
}

// gateModels are the files of the policy's classes: those that are given, and those that are made in dir.
func gateModels(p *recipe.Policy, given map[string]string, dir string) (map[string]string, error) {
	out := map[string]string{}
	var missing []string
	for _, class := range recipe.Classes() {
		want, wanted := p.Models[class]
		file, has := given[class]
		arch, smoke := strings.CutPrefix(want.Value, recipe.SmokeModel)
		var err error
		switch {
		case has && !wanted:
			return nil, usage("--model %s=%s: policy %q has no such class", class, file, p.Name)
		case has:
			out[class], err = ownModel(class, file)
		case smoke:
			out[class], err = prove.WriteSmoke(dir, arch, 0)
		case wanted:
			missing = append(missing, class)
		}
		if err != nil {
			return nil, err
		}
	}
	for class := range given {
		if !slices.Contains(recipe.Classes(), class) {
			return nil, usage("--model %q: the classes are %s", class, strings.Join(recipe.Classes(), ", "))
		}
	}
	if len(missing) > 0 {
		return nil, usage("policy %q wants a model of your own for each of its classes; --model CLASS=FILE is missing for %s", p.Name, strings.Join(missing, ", "))
	}
	return out, nil
}

// ownModel is a file of the class it is given for.
func ownModel(class, file string) (string, error) {
	path, err := absolute(file)
	if err != nil {
		return "", usage("--model %s: %v", class, err)
	}
	h, err := gguf.ReadFile(path)
	if err != nil {
		return "", usage("--model %s: %v", class, err)
	}
	if is := string(h.Class()); is != class {
		return "", usage("--model %s=%s: that model is %s", class, file, is)
	}
	return path, nil
}
