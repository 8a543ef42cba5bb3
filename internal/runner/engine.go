package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"strix-build/internal/program"
)

// Engine runs an image's programs with podman or docker. The first process of a container is this program ([Inside]).
type Engine struct {
	On      Host   // nil: Here
	Program string // podman or docker
	Image   string // a reference the engine knows
	GPU     *GPU   // nil: none
}

// GPU says what an image needs of the machine: its labels strix-build.run.*.
type GPU struct{ Devices, Groups, Security []string }

// Has asks the image for a program, by starting a container.
func (e *Engine) Has(ctx context.Context, name string) bool {
	return e.start(ctx, onlyLook, program.Command{Program: name}) == nil
}

// Run runs a program in a container.
func (e *Engine) Run(ctx context.Context, c program.Command) error {
	c, undo, err := orHere(e.On).place(ctx, c)
	if err != nil {
		return err
	}
	defer undo()
	return e.start(ctx, newMark(), c)
}

// start runs a container to its end. The engine's own process is only a client, so one that did not succeed is removed by name.
func (e *Engine) start(ctx context.Context, mark string, c program.Command) error {
	on := orHere(e.On)
	self, err := on.self(ctx)
	if err != nil {
		return err
	}
	groups, err := e.groups(ctx)
	if err != nil {
		return err
	}
	name := containerName + strings.ToLower(strings.TrimPrefix(newMark(), markPrefix))
	words := e.words(name, self, mark, groups, c)
	c.Dir = "" // it is the container's
	return guard{on: on, mark: mark, after: []string{e.Program, "rm", "-f", name}}.run(ctx, c, words...)
}

// words are the engine's command line; self is this program's file there.
func (e *Engine) words(name, self, mark string, groups []string, c program.Command) []string {
	inside := []string{InsideCommand, mark}
	for _, v := range c.Unset {
		inside = append(inside, withoutFlag, v)
	}
	return slices.Concat([]string{e.Program, "run", "--rm", "--name", name}, e.given(c, groups),
		[]string{"--volume", self + ":" + insidePath + ":ro", "--entrypoint", insidePath, e.Image}, append(inside, c.Program), c.Args)
}

// insidePath is where an image's container has this program.
const insidePath = "/run/strix-build"

// given is what a container is given of its host; groups are numbers.
func (e *Engine) given(c program.Command, groups []string) []string {
	network := "none"
	if c.HostNetwork {
		network = "host"
	}
	args := []string{"--network", network}
	if e.Program == "docker" { // sockets must be ours; podman without root maps us to root
		args = append(args, "--user", orHere(e.On).user())
	}
	if c.Dir != "" {
		args = append(args, "--volume", c.Dir+":"+c.Dir)
	}
	for _, f := range c.Files {
		args = append(args, "--volume", f+":"+f+":ro")
	}
	for _, v := range c.Env {
		args = append(args, "--env", v)
	}
	args = append(args, "--security-opt", "label=disable") // SELinux would keep the files from it
	if e.GPU == nil {
		return args
	}
	for _, d := range e.GPU.Devices {
		args = append(args, "--device", d)
	}
	if e.Program == "podman" {
		groups = []string{"keep-groups"}
	}
	for _, g := range groups {
		args = append(args, "--group-add", g)
	}
	for _, s := range e.GPU.Security {
		args = append(args, "--security-opt", s)
	}
	return args
}

// groups are the host's numbers of the GPU's groups, for docker; a name would be looked up in the image.
func (e *Engine) groups(ctx context.Context) ([]string, error) {
	if e.GPU == nil || e.Program != "docker" {
		return nil, nil
	}
	data, err := Output(ctx, orHere(e.On), "cat", "/etc/group")
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		field := strings.Split(line, ":")
		if len(field) > 2 && slices.Contains(e.GPU.Groups, field[0]) {
			out = append(out, field[2])
		}
	}
	return out, nil
}
