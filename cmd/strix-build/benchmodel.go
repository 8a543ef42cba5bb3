package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/build"
	"strix-build/internal/matrix"
	"strix-build/internal/prove"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
)

// models finds the models and their drafts on a host, or makes small ones below the work folder.
func (b *benchRun) findModels(ctx context.Context, h runner.Host) error {
	policy := &recipe.Policy{}
	if len(b.o.models) == 0 {
		var err error
		if policy, err = b.policyNamed(anyDevice); err != nil { // its models are the small ones
			return err
		}
	}
	b.files, b.draftFiles = map[string]string{}, map[string]string{}
	for class := range b.o.models {
		if !slices.Contains(recipe.Classes(), class) {
			return usage("--model %q: the classes are %s", class, strings.Join(recipe.Classes(), ", "))
		}
	}
	for _, class := range recipe.Classes() {
		m, ok, err := b.findModel(ctx, h, policy, class)
		if err != nil {
			return err
		}
		if ok {
			b.axes.Models = append(b.axes.Models, m)
		}
	}
	for class := range b.o.drafts {
		if b.files[class] == "" {
			return usage("--draft %s: there is no model of that class", class)
		}
	}
	return nil
}

// findModel finds a class's model and, where a draft is asked for, what drafts for it.
func (b *benchRun) findModel(ctx context.Context, h runner.Host, policy *recipe.Policy, class string) (m matrix.Model, ok bool, err error) {
	var found gateModel
	arch, small := strings.CutPrefix(policy.Models[class].Value, recipe.SmokeModel)
	file := b.o.models[class]
	if own, ok := strings.CutPrefix(file, recipe.SmokeModel); ok { // a small one by name
		arch, small, file = own, true, ""
		if found, err = smokeModel(b.work, arch); err != nil {
			return m, false, usage("--model %s: %v", class, err)
		}
		if found, err = ownModel(ctx, runner.Here{}, class, found.path); err != nil {
			return m, false, err
		}
	}
	switch {
	case found.path != "":
	case file != "":
		small = false
		found, err = ownModel(ctx, h, class, file)
	case len(b.o.models) > 0 || !small:
		return m, false, nil
	default:
		found, err = smokeModel(b.work, arch)
	}
	if err != nil {
		return m, false, err
	}
	m = matrix.Model{Class: class, File: filepath.Base(found.path), Bytes: found.size}
	b.files[class] = found.path
	if slices.Contains(b.axes.Specs, matrix.MTP) {
		if err := predictsMore(ctx, h, found.path); err != nil {
			return m, false, err
		}
	}
	if !slices.Contains(b.axes.Specs, matrix.Draft) {
		return m, true, nil
	}
	draft, err := b.findDraft(ctx, h, class, small, arch)
	m.Draft, b.draftFiles[class] = filepath.Base(draft), draft
	return m, true, err
}

// findDraft is what drafts for a class's model.
func (b *benchRun) findDraft(ctx context.Context, h runner.Host, class string, small bool, arch string) (string, error) {
	file := b.o.drafts[class]
	switch {
	case file == "" && small:
		return prove.WriteSmoke(b.work, arch, 0.8)
	case file == "":
		return "", usage("--spec draft: --draft %s=FILE is missing: a smaller model with the vocabulary of %q", class, b.files[class])
	}
	target, t, _, err := readModel(ctx, h, b.files[class])
	if err != nil {
		return "", usage("--model %s: %v", class, err)
	}
	path, d, _, err := readModel(ctx, h, file)
	if err != nil {
		return "", usage("--draft %s: %v", class, err)
	}
	if _, err := prove.NewPair(target, path, t, d); err != nil {
		return "", usage("--draft %s: %v", class, err)
	}
	return path, nil
}

// layersKey is the number of layers that predict further tokens (gguf-py/gguf/constants.py of llama.cpp), after the architecture.
const layersKey = ".nextn_predict_layers"

// predictsMore refuses a model that cannot draft for itself.
func predictsMore(ctx context.Context, h runner.Host, file string) error {
	_, header, _, err := readModel(ctx, h, file)
	if err != nil {
		return usage("--spec mtp: %v", err)
	}
	if n, _ := header.Uint(header.Architecture() + layersKey); n == 0 {
		return &build.HintError{Err: usage("--spec mtp: %q has no layers that predict further tokens (%s)", file, header.Architecture()+layersKey),
			Hint: "such models are published with MTP in their name; the small ones that strix-build makes have none"}
	}
	return nil
}
