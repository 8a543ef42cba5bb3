package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/gate"
	"strix-build/internal/llamabench"
	"strix-build/internal/prove"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
)

// runsOf are the policy's tests, those of one model at one depth together.
func runsOf(p *recipe.Policy, models map[string]gateModel) ([]gate.Run, error) {
	var out []gate.Run
	for _, class := range recipe.Classes() {
		model, ok := models[class]
		if !ok {
			continue
		}
		byDepth := map[int][]string{}
		for _, test := range slices.Sorted(maps.Keys(p.Limits)) {
			if _, _, depth, err := llamabench.ParseTest(test); err == nil { // its form was checked
				byDepth[depth] = append(byDepth[depth], test)
			}
		}
		for _, depth := range slices.Sorted(maps.Keys(byDepth)) {
			out = append(out, gate.Run{Class: class, Model: filepath.Base(model.path), Bytes: model.size, Depth: depth, Tests: byDepth[depth]})
		}
	}
	return out, nil
}

// gateModel is a model's file, where the programs run or among what is copied there.
type gateModel struct {
	path string
	size int64 // bytes
}

// gateModels are the files of the policy's classes: those that are given, on host, and those that are made in dir.
func gateModels(ctx context.Context, h runner.Host, p *recipe.Policy, given map[string]string, dir string) (map[string]gateModel, error) {
	out := map[string]gateModel{}
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
			out[class], err = ownModel(ctx, h, class, file)
		case smoke:
			out[class], err = smokeModel(dir, arch)
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

func smokeModel(dir, arch string) (gateModel, error) {
	path, err := prove.WriteSmoke(dir, arch, 0)
	if err != nil {
		return gateModel{}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return gateModel{}, err
	}
	return gateModel{path, st.Size()}, nil
}

// ownModel is a file of the class it is given for.
func ownModel(ctx context.Context, h runner.Host, class, file string) (gateModel, error) {
	path, header, size, err := readModel(ctx, h, file)
	if err != nil {
		return gateModel{}, usage("--model %s: %v", class, err)
	}
	if is := string(header.Class()); is != class {
		return gateModel{}, usage("--model %s=%s: that model is %s", class, file, is)
	}
	return gateModel{path, size}, nil
}
