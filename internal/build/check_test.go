package build

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/diag"
	"strix-build/internal/graph"
	"strix-build/internal/recipe"
)

// cmakeLog is what CMake ends a configure step with, with one or the other head of its warning.
func cmakeLog(head string, unused ...string) string {
	s := "-- The HIP compiler identification is Clang 22.1.8\n" +
		"CMake Warning at ggml/CMakeLists.txt:100 (message):\n  Something is\n\n    odd\n\nCall Stack (most recent call first):\n  CMakeLists.txt:9\n\n\n" +
		"-- Configuring done (2.1s)\n-- Generating done (0.1s)\n"
	if len(unused) > 0 {
		s += head + "\n  Manually-specified variables were not used by the project:\n\n    " + strings.Join(unused, "\n    ") + "\n\n\n"
	}
	return s + "-- Build files have been written to: /build\n"
}

func commands(lines ...string) []byte {
	var parts []string
	for _, l := range lines {
		parts = append(parts, fmt.Sprintf(`{"directory": "/build", "command": %q, "file": "/src/x", "output": "x.o"}`, l))
	}
	return []byte("[\n" + strings.Join(parts, ",\n") + "\n]\n")
}

// checked is an input whose recipe asked for two variables and a flag at known lines.
func checked() graph.Input {
	at := func(line int) diag.Pos { return diag.Pos{File: "recipes/rocm.yaml", Line: line, Col: 3} }
	return graph.Input{
		Recipe: &recipe.Recipe{Name: recipe.Text{Value: "rocm"}, Pos: at(1)}, Container: &recipe.Container{},
		Source: graph.Source{Build: 9909, Commit: "5eca4e3cabad9c92ccbf290d8406fbe7c110a680"},
		Choices: &recipe.Choices{
			CMake: map[string]recipe.Choice{
				"GGML_HIP_UMA":    {Value: "ON", Pos: at(7)},
				"CMAKE_CXX_FLAGS": {Value: "-O3 -march=znver5", Pos: at(8)},
			},
			Flags:    []recipe.Choice{{Value: "--offload-arch=gfx1151", Pos: at(5)}, {Value: "-DGGML_USE_HIP", Pos: at(4)}},
			ArchFlag: "--offload-arch=gfx1151",
		},
	}
}

const (
	cxx = "/usr/bin/c++ -DGGML_USE_HIP -O3 -march=znver5 -o x.o -c /src/x.cpp"
	hip = "/usr/lib/llvm-22/bin/clang -DGGML_USE_HIP -O3 --offload-arch=gfx1151 -o y.o -c /src/y.cu"
)

func TestCheckConfigure(t *testing.T) {
	t.Parallel()
	const old, unusedCLI = "CMake Warning:", "CMake Warning (unused-cli):"
	for name, tc := range map[string]struct {
		log      string
		commands []byte
		want     string
	}{
		"all used": {cmakeLog(old), commands(cxx, hip), ""},
		"unused":   {cmakeLog(old, "GGML_HIP_UMA"), commands(cxx, hip), "recipes/rocm.yaml:7:3: cmake variable GGML_HIP_UMA=ON is not used by llama.cpp b9909"},
		"unused, newer head": {cmakeLog(unusedCLI, "GGML_HIP_UMA"), commands(cxx, hip),
			"recipes/rocm.yaml:7:3: cmake variable GGML_HIP_UMA=ON is not used by llama.cpp b9909"},
		"unused, one of the program's own": {cmakeLog(unusedCLI, "GGML_HIP_UMA", "LLAMA_BUILD_NUMBER"), commands(cxx, hip),
			"recipes/rocm.yaml:1:3: cmake variable LLAMA_BUILD_NUMBER=9909 is not used by llama.cpp b9909\n" +
				"recipes/rocm.yaml:7:3: cmake variable GGML_HIP_UMA=ON is not used by llama.cpp b9909"},
		"flag in no command": {cmakeLog(old), commands(cxx), `recipes/rocm.yaml:5:3: compiler flag "--offload-arch=gfx1151" is in no command of compile_commands.json`},
		"flag of another target": {cmakeLog(old), commands(cxx, strings.ReplaceAll(hip, "gfx1151", "gfx1151:xnack+")),
			`recipes/rocm.yaml:5:3: compiler flag "--offload-arch=gfx1151" is in no command of compile_commands.json`},
		"words of a flags variable": {cmakeLog(old), commands(strings.ReplaceAll(cxx, " -march=znver5", ""), hip),
			`recipes/rocm.yaml:8:3: compiler flag "-march=znver5" is in no command of compile_commands.json`},
		"nothing compiled": {cmakeLog(old), commands(), `recipes/rocm.yaml:4:3: compiler flag "-DGGML_USE_HIP" is in no command of compile_commands.json` + "\n" +
			`recipes/rocm.yaml:5:3: compiler flag "--offload-arch=gfx1151" is in no command of compile_commands.json` + "\n" +
			`recipes/rocm.yaml:8:3: compiler flag "-O3" is in no command of compile_commands.json` + "\n" +
			`recipes/rocm.yaml:8:3: compiler flag "-march=znver5" is in no command of compile_commands.json`},
		"cut compile_commands": {cmakeLog(old), []byte("[{"), "compile_commands.json: unexpected end of JSON input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := checkConfigure(checked(), tc.log, tc.commands); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestUnusedVariablesReadsNamesOnly(t *testing.T) {
	t.Parallel()
	log := "CMake Warning (unused-cli):\n  Manually-specified variables were not used by the project:\n\n    A_B\n    CMAKE_HIP_COMPILER_LAUNCHER\n\n" +
		"This warning is for project developers.  Use -Wno-unused-cli to suppress it.\n\n    NOT_THIS\n-- Build files have been written to: /build\n"
	if got, want := unusedVariables(log), []string{"A_B", "CMAKE_HIP_COMPILER_LAUNCHER"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	const commit = "5eca4e3cabad9c92ccbf290d8406fbe7c110a680"
	for name, tc := range map[string]struct{ log, want string }{
		"old":                {"== llama-server --version\nversion: 9909 (5eca4e3ca)\nbuilt with cc for x86_64\n", ""},
		"semver":             {"version: 0.7.0 (build 9909, commit 5eca4e3ca)\nbuilt with cc\n", ""},
		"after other output": {"ggml_cuda_init: no device\nversion: 9909 (5eca4e3c)\n== llama-bench --list-devices\nAvailable devices:\n", ""},
		"another number":     {"version: 9910 (5eca4e3ca)\n", `the image's programs say "version: 9910 (5eca4e3ca)", the base is build 9909 commit 5eca4e3ca`},
		"another commit":     {"version: 0.7.0 (build 9909, commit 0123456)\n", `the image's programs say "version: 0.7.0 (build 9909, commit 0123456)", the base is build 9909 commit 5eca4e3ca`},
		"exported tree":      {"version: 0 (unknown)\n", "no program of the image says its version:\nversion: 0 (unknown)\n"},
		"second one lies":    {"version: 9909 (5eca4e3ca)\nversion: 9908 (5eca4e3ca)\n", `the image's programs say "version: 9908 (5eca4e3ca)", the base is build 9909 commit 5eca4e3ca`},
		"nothing":            {"", "no program of the image says its version:\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := checkVersion(tc.log, 9909, commit); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestParseCcache(t *testing.T) {
	t.Parallel()
	log := "# /src/ggml/src/ggml.c\ncache_miss\ndirect_cache_miss\nlocal_storage_miss\nlocal_storage_write\npreprocessed_cache_miss\n" +
		"# /src/a.cpp\ndirect_cache_hit\nlocal_storage_hit\n# /src/b.cpp\ndirect_cache_miss\npreprocessed_cache_hit\n# conftest\ncalled_for_link\n"
	if got, want := *parseCcache([]byte(log)), (Ccache{Hits: 2, Misses: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := *parseCcache(nil); got != (Ccache{}) {
		t.Errorf("an empty log is %+v", got)
	}
}
