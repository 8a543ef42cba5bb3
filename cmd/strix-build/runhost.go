package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/build"
	"strix-build/internal/gguf"
	"strix-build/internal/graph"
	"strix-build/internal/recipe"
	"strix-build/internal/runner"
)

// host is where programs run: "" is this machine. One connection to another lasts until the command ends; what lies below work
// is made for this run, and copied there when it is needed.
func (a *app) host(ctx context.Context, name, work string) (runner.Host, error) {
	if name == "" {
		return runner.Here{}, nil
	}
	if r, ok := a.remotes[name]; ok {
		return r, nil
	}
	r, err := runner.Dial(ctx, name, work)
	if err != nil {
		return nil, &build.HintError{Err: err, Hint: "nothing can be asked on the way there: \"ssh -o BatchMode=yes " + name + " true\" must work"}
	}
	if a.remotes == nil {
		a.remotes = map[string]*runner.Remote{}
	}
	a.remotes[name] = r
	return r, nil
}

// hangUp ends the connections.
func (a *app) hangUp() {
	for _, r := range a.remotes {
		if err := r.Close(); err != nil {
			a.printf("%v\n", err)
		}
	}
}

// readModel reads a model's header on a host. The path is what programs there are given.
func readModel(ctx context.Context, h runner.Host, file string) (path string, header *gguf.Header, size int64, err error) {
	if path, err = h.Resolve(ctx, file); err != nil {
		return "", nil, 0, err
	}
	r, size, err := h.Open(ctx, path)
	if err != nil {
		return "", nil, 0, err
	}
	header, err = gguf.Read(r, size)
	_ = r.Close() // what was wanted of it is read
	if err != nil {
		return "", nil, 0, fmt.Errorf("%q: %w", path, err)
	}
	return path, header, size, nil
}

// gpu are the devices that an image is given: what its labels name. One of somebody else's has none that we know, and is given
// what any container of the project names and the host has.
func (a *app) gpu(ctx context.Context, h runner.Host, o subjectFlags, labels map[string]string) (*runner.GPU, error) {
	if !o.gpu {
		return nil, nil //nolint:nilnil // none is what it asks for
	}
	if labels[graph.LabelRecipe] != "" || labels[graph.LabelDevices] != "" {
		list := func(label string) []string {
			return strings.FieldsFunc(labels[label], func(r rune) bool { return r == ',' })
		}
		return &runner.GPU{Devices: list(graph.LabelDevices), Groups: list(graph.LabelGroups), Security: list(graph.LabelSecurity)}, nil
	}
	gpu, err := a.anyGPU()
	if err != nil {
		return nil, err
	}
	wanted := strings.Join(gpu.Devices, ", ")
	gpu.Devices = slices.DeleteFunc(gpu.Devices, func(d string) bool {
		_, err := runner.Output(ctx, h, "test", "-e", d)
		return err != nil
	})
	if len(gpu.Devices) == 0 {
		return nil, usage("--gpu: image %q says nothing of devices, and the host has none of %s", o.image, wanted)
	}
	return gpu, nil
}

// anyGPU is what the project's containers need, all together.
func (a *app) anyGPU() (*runner.GPU, error) {
	p, err := a.project()
	if err != nil {
		return nil, err
	}
	names, err := recipe.Containers(p.FS)
	if err != nil {
		return nil, err
	}
	gpu := new(runner.GPU)
	for _, name := range names {
		c, err := recipe.LoadContainer(p.FS, name)
		if err != nil {
			return nil, err
		}
		gpu.Devices = union(gpu.Devices, c.RunOptions.Devices)
		gpu.Groups = union(gpu.Groups, c.RunOptions.Groups)
		gpu.Security = union(gpu.Security, c.RunOptions.Security)
	}
	return gpu, nil
}

func union(have []string, more []recipe.Text) []string {
	for _, t := range more {
		if !slices.Contains(have, t.Value) {
			have = append(have, t.Value)
		}
	}
	return have
}
