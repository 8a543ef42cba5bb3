package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"strix-build/internal/program"
)

// Engine runs an image's programs with podman or docker.
type Engine struct {
	Program string // podman or docker
	Image   string // a reference the engine knows
	GPU     *GPU   // nil: none

	started atomic.Int64
}

// GPU says what an image needs of the machine: its labels strix-build.run.*.
type GPU struct{ Devices, Groups, Security []string }

// Has asks the image for a program, by starting it.
func (e *Engine) Has(ctx context.Context, name string) bool {
	err := e.Run(ctx, program.Command{Program: name, Args: []string{"--version"}, Stdout: io.Discard, Stderr: io.Discard})
	return err == nil
}

// removeWithin is how long an engine or runc may take to remove a container.
const removeWithin = 20 * time.Second

// Run runs a program in a container without network. The engine's own process is only a client, so the container is removed
// by name.
func (e *Engine) Run(ctx context.Context, c program.Command) error {
	name := fmt.Sprintf("strix-build-prove-%d-%d", os.Getpid(), e.started.Add(1))
	err := run(ctx, c, e.Program, e.arguments(name, c)...)
	if err != nil {
		// the caller's context may be what ended it; the container must not outlive it
		rm, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		_ = exec.CommandContext(rm, e.Program, "rm", "-f", name).Run()
	}
	return err
}

func (e *Engine) arguments(name string, c program.Command) []string {
	args := []string{"run", "--rm", "--name", name, "--network", "none", "--entrypoint", c.Program}
	if e.Program == "docker" { // the socket must be ours; podman without root maps us to root
		args = append(args, "--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()))
	}
	if c.Dir != "" {
		args = append(args, "--volume", c.Dir+":"+c.Dir)
	}
	for _, f := range c.Files {
		args = append(args, "--volume", f+":"+f+":ro")
	}
	args = append(args, "--security-opt", "label=disable") // SELinux would keep the files from it
	if e.GPU != nil {
		args = append(args, e.GPU.engine(e.Program)...)
	}
	return append(append(args, e.Image), c.Args...)
}

func (g *GPU) engine(engine string) []string {
	var args []string
	for _, d := range g.Devices {
		args = append(args, "--device", d)
	}
	if engine == "podman" {
		args = append(args, "--group-add", "keep-groups")
	} else {
		for _, id := range groupIDs(g.Groups) {
			args = append(args, "--group-add", id)
		}
	}
	for _, s := range g.Security {
		args = append(args, "--security-opt", s)
	}
	return args
}

// groupIDs are the host's numbers of groups; a name would be looked up in the image.
func groupIDs(names []string) []string {
	data, _ := os.ReadFile("/etc/group")
	var out []string
	for line := range strings.Lines(string(data)) {
		field := strings.Split(line, ":")
		for _, n := range names {
			if len(field) > 2 && field[0] == n {
				out = append(out, field[2])
			}
		}
	}
	return out
}
