package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"strix-build/internal/build"
	"strix-build/internal/buildkit"
	"strix-build/internal/diag"
)

func TestReport(t *testing.T) {
	t.Parallel()
	none := &buildkit.NoBuilderError{Attempts: []buildkit.Attempt{
		{Way: "container strix-buildkitd", Err: errors.New("podman is not installed")},
		{Way: "own buildkitd", Err: errors.New("no binary")},
	}}
	var bad diag.List
	bad.Add(diag.Pos{File: "recipes/a.yaml", Line: 2, Col: 1}, "", "unknown key %q", "b")
	var placeless diag.List
	placeless.Add(diag.Pos{}, "look at the list", "unknown recipe %q", "x")
	for name, tc := range map[string]struct {
		err  error
		code int
		want string
	}{
		"nothing":     {nil, exitDone, ""},
		"plain":       {errors.New("the disk is full"), exitFailed, "strix-build: the disk is full\n"},
		"usage":       {fmt.Errorf("recipe a: %w", usage("--target %q: no", "x")), exitUsage, "strix-build: recipe a: --target \"x\": no\n"},
		"of others":   {errors.New("read x: \x1b[2J\u009b1A\u202eall is ok\n  second line"), exitFailed, `strix-build: read x: \x1b[2J\u009b1A\u202eall is ok` + "\n  second line\n"},
		"interrupted": {fmt.Errorf("recipe a: %w", errInterrupted), exitInterrupted, "strix-build: interrupted\n"},
		"file": {fmt.Errorf("recipe a: %w", bad.Err()), exitUsage,
			"recipes/a.yaml:2:1: unknown key \"b\"\n  |\n2 | b: 1\n  | ^\n"},
		"no file": {placeless.Err(), exitUsage, "strix-build: unknown recipe \"x\"\nhint: look at the list\n"},
		"no builder": {fmt.Errorf("recipe a: %w", none), exitFailed,
			"strix-build: recipe a: no builder found; tried\n  container strix-buildkitd: podman is not installed\n  own buildkitd: no binary\n"},
		"siblings": {errors.Join(nil, fmt.Errorf("recipe a: %w", none), fmt.Errorf("recipe b: %w", bad.Err())), exitUsage,
			"strix-build: recipe a: no builder found; tried\n  container strix-buildkitd: podman is not installed\n  own buildkitd: no binary\n" +
				"recipes/a.yaml:2:1: unknown key \"b\"\n  |\n2 | b: 1\n  | ^\n"},
		"transport": {errors.New("failed to solve: rpc error: code = Unknown desc = exit code: 2\n"), exitFailed, "strix-build: exit code: 2\n"},
		"hint":      {&build.HintError{Err: errors.New("npm ci: exit code: 1"), Hint: "set server-ui: false"}, exitFailed, "strix-build: npm ci: exit code: 1\nhint: set server-ui: false\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			files := fstest.MapFS{"recipes/a.yaml": {Data: []byte("name: a\nb: 1\n")}}
			if code := reportError(&out, tc.err, files); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if got := out.String(); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}
