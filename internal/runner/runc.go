package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strix-build/internal/program"
)

// Tree runs the programs of an unpacked image with runc. It needs root, runc and unshare.
type Tree struct {
	Root string   // the unpacked image; mount points are made in it
	Work string   // for bundles
	Env  []string // the image's
	GPU  *GPU     // nil: none
}

// Has reports whether the image holds a program, on its own PATH.
func (t *Tree) Has(name string) bool { return t.find(name) != "" }

func (t *Tree) find(name string) string {
	if filepath.IsAbs(name) && executable(filepath.Join(t.Root, name)) {
		return name
	}
	for _, dir := range t.path() {
		if executable(filepath.Join(t.Root, dir, name)) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

// path is where the image looks for programs.
func (t *Tree) path() []string {
	path := "/usr/local/bin:/usr/bin:/bin"
	for _, kv := range t.Env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	return append(filepath.SplitList(path), elsewhere)
}

// Run runs a program in a container of its own. runc is the first process of a process namespace: what ends runc, however it
// ends, ends the container.
func (t *Tree) Run(ctx context.Context, c program.Command) error {
	bundle, err := os.MkdirTemp(t.Work, containerName)
	if err != nil {
		return err
	}
	id := filepath.Base(bundle) // no other container has it
	defer os.RemoveAll(bundle)
	spec, err := t.spec(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), spec, 0o600); err != nil {
		return err
	}
	c.Dir = "" // it is the container's
	runc := []string{"runc", "--root", stateDir}
	// a runc that was killed leaves its notes there, and empty control groups
	g := guard{on: Here{}, after: append(slices.Clone(runc), "delete", "--force", id)}
	words := append([]string{"unshare", "--fork", "--pid", "--mount-proc", "--kill-child"}, runc...)
	return g.run(ctx, c, append(words, "run", "--bundle", bundle, id)...)
}

// stateDir is for runc's notes on containers that run; Work may be swept up before guard.sh is done.
const stateDir = "/run/strix-build"

// containerName begins the names of containers.
const containerName = "strix-build-run-"

// object is a part of runc's configuration (github.com/opencontainers/runtime-spec).
type object map[string]any

func (t *Tree) spec(c program.Command) ([]byte, error) {
	path := t.find(c.Program)
	if path == "" {
		return nil, fmt.Errorf("the image has no %s", c.Program)
	}
	var namespaces []object
	kinds := []string{"pid", "ipc", "uts", "mount", "network"}
	if c.HostNetwork {
		kinds = kinds[:4]
	}
	for _, kind := range kinds {
		namespaces = append(namespaces, object{"type": kind})
	}
	devices, allowed, err := t.GPU.nodes()
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{
		"ociVersion": "1.0.2",
		"process": object{"user": object{"uid": 0, "gid": 0}, "args": append([]string{path}, c.Args...), "env": t.env(c), "cwd": "/",
			"noNewPrivileges": true},
		"root":   object{"path": t.Root, "readonly": true},
		"mounts": mounts(c),
		"linux": object{"namespaces": namespaces, "devices": devices,
			"resources": object{"devices": append([]object{{"allow": false, "access": "rwm"}}, allowed...)}},
	})
}

// env is the image's environment without what the program does not get, and with what it gets besides.
func (t *Tree) env(c program.Command) []string {
	name := func(kv string) string { name, _, _ := strings.Cut(kv, "="); return name }
	replaced := func(kv string) bool {
		return slices.ContainsFunc(c.Env, func(other string) bool { return name(other) == name(kv) })
	}
	own := slices.DeleteFunc(slices.Clone(t.Env), func(kv string) bool { return slices.Contains(c.Unset, name(kv)) || replaced(kv) })
	return append(own, c.Env...)
}

func mounts(c program.Command) []object {
	out := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "mode=1777"}},
	}
	bind := func(path string, mode string) {
		out = append(out, object{"destination": path, "type": "bind", "source": path, "options": []string{"bind", mode}})
	}
	if c.Dir != "" {
		bind(c.Dir, "rw")
	}
	for _, f := range c.Files {
		bind(f, "ro")
	}
	return out
}
