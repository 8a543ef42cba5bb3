package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/backendops/opstest"
	"strix-build/internal/bench/benchtest"
	"strix-build/internal/codeobject/codeobjecttest"
	"strix-build/internal/prove/provetest"
	"strix-build/internal/toolbox/toolboxtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"strix-build": main, "llama-server": provetest.Main, "llama-speculative-simple": provetest.Main, "llama-perplexity": provetest.Main,
		"llama-bench": benchtest.Main, "test-backend-ops": opstest.Main, "stand-in": toolboxtest.Main})
}

// TestScript runs testdata/script: the program as people see it, without network or daemon; few need root, and are skipped
// without it.
// "go test ./cmd/strix-build -run TestScript -update" rewrites what cmp compares with.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       flag.Lookup("update").Value.String() == "true",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("STRIX_BUILD_STATE", filepath.Join(e.WorkDir, "state"))
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, v := range []string{"BUILDKIT_HOST", "BUILDKIT_PROGRESS", "STRIX_BUILDERS", "STRIX_BUILDKITD", "STRIX_BUILDKIT_IMAGE", "STRIX_DEBIAN_MIRROR",
				"SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} {
				e.Setenv(v, "")
			}
			return os.Mkdir(filepath.Join(e.WorkDir, "home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "fakessh": fakeSSH, "halve": halveLattice, "hiplibrary": hipLibrary, "miniature": miniatureProject, "programs": programs, "repeat": repeat, "standin": standIn,
			"storeimage": storeImage, "serveregistry": serveRegistry, "built": built, "builtarms": builtArms, "capture": capture, "retag": retag, "unattach": unattach, "undated": undated, "tolayout": tolayout, "forge": forge, "plantimage": plantImage, "sigstore": sigstore,
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
	})
}

// exits runs a command that must end with a status: exits 2 strix-build lint.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || code != want {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// miniatureProject writes the miniature upstream to llama.cpp and project. Its bases are pinned by a digest that is
// made up: making one needs root and a mirror.
func miniatureProject(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Exec("strix-build", "miniature", "."))
	for _, track := range []string{"stable", "next", "conflict"} {
		file := ts.MkAbs("project/recipes/" + track + ".lock.yaml")
		image := `image: "registry.invalid/base@sha256:` + strings.Repeat("0", 64) + `"`
		data := strings.ReplaceAll(ts.ReadFile(file), `bootstrap: "sid"`, image)
		ts.Check(os.WriteFile(file, []byte(data), 0o644))
	}
}

// programs puts stand-ins for llama.cpp's programs into a folder: programs DIR NAME...
func programs(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	for _, name := range args[1:] {
		for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
			if file := filepath.Join(dir, name); isFile(file) {
				ts.Check(os.Symlink(file, filepath.Join(ts.MkAbs(args[0]), name)))
				break
			}
		}
	}
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// hipLibrary makes a library with the kernels that a text describes: hiplibrary FILE TEXT.
func hipLibrary(ts *testscript.TestScript, _ bool, args []string) {
	data, err := codeobjecttest.Library(ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// repeat appends TEXT to FILE, N times: repeat FILE N TEXT.
func repeat(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer f.Close()
	_, err = f.Write(bytes.Repeat([]byte(args[2]), n))
	ts.Check(err)
}

// standIn puts stand-ins for podman, toolbox(1) and distrobox into a folder: standin DIR NAME...
func standIn(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	for _, name := range args[1:] {
		script := "#!/bin/sh\nexec stand-in " + name + ` "$@"` + "\n"
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), []byte(script), 0o755))
	}
	ts.Setenv(toolboxtest.StateVariable, ts.MkAbs("engine.json"))
}
