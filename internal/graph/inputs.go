package graph

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"strix-build/internal/patch"
)

// Inputs lists what an image depends on, by names that people know. Two builds with equal keys have equal inputs;
// explain compares them to say why a key changed.
func Inputs(in Input) map[string]string {
	out := map[string]string{
		"llama.cpp commit":   in.Source.Commit,
		"llama.cpp build":    in.Source.Build.String(),
		"llama.cpp source":   in.Source.URL,
		"source tree":        in.Source.Layout,
		"base":               in.Base.Image + in.Base.Layout,
		"container":          in.Container.Name.Value,
		"packages, build":    strings.Join(values(in.Container.Packages.Build), " "),
		"packages, runtime":  strings.Join(values(in.Container.Packages.Runtime), " "),
		"packages, toolbox":  strings.Join(values(in.Container.Packages.Toolbox), " "),
		"packages, ui":       strings.Join(values(in.Container.Packages.UI), " "),
		"packages, release":  in.Container.Packages.Release.Value,
		"packages, suites":   strings.Join(values(in.Container.Packages.Suites), " "),
		"repositories":       repos(in.Container.Packages.Repos),
		"exclude":            strings.Join(values(in.Recipe.Exclude), " "),
		"keep-gpus":          strings.Join(values(in.Recipe.KeepGPUs), " "),
		"stubs":              stubs(in.Container.Stubs),
		"gpu-libraries":      strings.Join(values(in.Container.GPULibs), " "),
		"target":             in.Recipe.Target.Value,
		"libraries":          strings.Join(in.Choices.Libraries, " "),
		"programs":           strings.Join(in.Choices.Programs, " "),
		"extra steps":        strings.Join(in.Choices.Steps, " "),
		"waived advisories":  strings.Join(in.Choices.Waived, " "),
		"recipe description": in.Recipe.Description.Value,
		"image repository":   in.Recipe.Image.Repository.Value,
		"devices":            strings.Join(values(in.Container.RunOptions.Devices), " "),
		"groups":             strings.Join(values(in.Container.RunOptions.Groups), " "),
		"security":           strings.Join(values(in.Container.RunOptions.Security), " "),
		"strix-build steps":  scriptsDigest(),
	}
	if in.Source.Dirty {
		out["source tree"] += " (dirty)"
	}
	for k, v := range Variables(in) {
		out["cmake "+k] = v.Value
	}
	for k, v := range in.Choices.Env {
		out["image environment "+k] = v.Value
	}
	for k, v := range in.Container.Env {
		out["compile environment "+k] = v.Value
	}
	for name := range in.Choices.Parts {
		p := in.Container.Parts[name]
		out["part "+name] = p.Commit.Value + " " + p.Folder.Value + " at " + p.To.Value + ", " + in.Parts[name].Layout
	}
	for i, f := range in.Patches {
		out[fmt.Sprintf("patch %d", i+1)] = f.Name + " sha256:" + patch.Digest([]patch.File{f})
	}
	for k, v := range out {
		if v == "" {
			delete(out, k)
		}
	}
	return out
}

// scriptsDigest stands for our own scripts.
func scriptsDigest() string {
	entries, err := scripts.ReadDir("scripts")
	if err != nil {
		panic(err) // embedded
	}
	d := digest.SHA256.Digester()
	for _, e := range entries {
		data, err := scripts.ReadFile("scripts/" + e.Name())
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(d.Hash(), "%s %d\n%s", e.Name(), len(data), data)
	}
	return d.Digest().String()
}
