package graph

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shaders is a folder with a shader, what it includes, and the script that compiles it, with the real ccache and the real glslc.
type shaders struct {
	t            *testing.T
	dir, compile string
	env          []string
}

func newShaders(t *testing.T) *shaders {
	t.Helper()
	for _, tool := range []string{"ccache", "glslc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s", tool)
		}
	}
	s := &shaders{t: t, dir: t.TempDir()}
	s.compile = filepath.Join(s.dir, shaderCompiler)
	data, err := scripts.ReadFile("scripts/" + shaderCompiler)
	if err != nil {
		t.Fatal(err)
	}
	s.write(shaderCompiler, string(data))
	s.write("a.comp", "#version 450\n#extension GL_GOOGLE_include_directive : enable\n#include \"size.glsl\"\nlayout(local_size_x = SIZE) in;\n"+
		"layout(binding = 0) buffer X { float x[]; };\nvoid main() { x[gl_GlobalInvocationID.x] *= FACTOR; }\n")
	s.write("size.glsl", "#define SIZE 32\n")
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "CCACHE_DIR=" + filepath.Join(s.dir, "ccache"), "CCACHE_STATSLOG=" + filepath.Join(s.dir, "stats"),
		"CCACHE_BASEDIR=/", "CCACHE_DEPEND=1", "CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime,time_macros", "STRIX_GLSLC_SUM=" + filepath.Join(s.dir, "sum")}
	return s
}

func (s *shaders) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // a script
		s.t.Fatal(err)
	}
}

// run compiles, and returns what it printed.
func (s *shaders) run(args ...string) (string, error) {
	cmd := exec.Command(s.compile, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// words compiles the shader with a factor, and returns the SPIR-V and whether the cache had it.
func (s *shaders) words(factor string, more ...string) (spirv []byte, hit bool) {
	s.t.Helper()
	stats := filepath.Join(s.dir, "stats")
	out := filepath.Join(s.dir, "a.spv")
	for _, name := range []string{stats, out} {
		if err := os.RemoveAll(name); err != nil {
			s.t.Fatal(err)
		}
	}
	args := append([]string{"-fshader-stage=compute", "--target-env=vulkan1.2", filepath.Join(s.dir, "a.comp"), "-o", out, "-O", "-DFACTOR=" + factor}, more...)
	if text, err := s.run(args...); err != nil || text != "" { // vulkan-shaders-gen takes any word on stderr for a failure
		s.t.Fatalf("%v: %s", err, text)
	}
	told, err := os.ReadFile(stats)
	if err != nil {
		s.t.Fatal(err)
	}
	if spirv, err = os.ReadFile(out); err != nil {
		s.t.Fatal(err)
	}
	return spirv, strings.Contains(string(told), "direct_cache_hit")
}

func TestAShaderIsCompiledOnce(t *testing.T) {
	t.Parallel()
	s := newShaders(t)
	first, hit := s.words("2.0")
	if hit {
		t.Fatal("the first is in the cache")
	}
	if again, hit := s.words("2.0"); !hit || string(again) != string(first) {
		t.Errorf("compiled again, or another: cached %t, %d and %d bytes", hit, len(first), len(again))
	}
	if other, hit := s.words("3.0"); hit || string(other) == string(first) {
		t.Errorf("another definition: cached %t", hit)
	}
	s.write("size.glsl", "#define SIZE 64\n")
	if other, hit := s.words("2.0"); hit || string(other) == string(first) {
		t.Errorf("another included file: cached %t", hit)
	}
	s.write("size.glsl", "#define SIZE 32\n")
	if again, hit := s.words("2.0"); !hit || string(again) != string(first) {
		t.Errorf("the first again: cached %t", hit)
	}
}

func TestAnotherShaderCompilerUsesNoOldShaders(t *testing.T) {
	t.Parallel()
	s := newShaders(t)
	s.words("2.0")
	real, err := exec.LookPath("glslc")
	if err != nil {
		t.Fatal(err)
	}
	s.write("glslc", "#!/bin/sh\nexec "+real+" \"$@\"\n")
	if err := os.Remove(filepath.Join(s.dir, "sum")); err != nil { // a build tree of its own
		t.Fatal(err)
	}
	s.env[0] = "PATH=" + s.dir + ":" + os.Getenv("PATH")
	if _, hit := s.words("2.0"); hit {
		t.Error("a shader of the other one")
	}
	if _, hit := s.words("2.0"); !hit {
		t.Error("not its own")
	}
}

// TestTheShaderCompilerIsWhereCMakeLooksForIt: CMake asks it what it can each time it configures a build tree, and takes silence for yes.
func TestTheShaderCompilerIsWhereCMakeLooksForIt(t *testing.T) {
	t.Parallel()
	in := input(t, "vulkan")
	ns := must(nodes(t.Context(), newGraph(t, in).Companion(in).Verify))(t)
	steps := 0
	for _, n := range ns {
		exec := n.op.GetExec()
		if exec == nil {
			continue
		}
		folders := map[string]string{}
		for _, m := range exec.Mounts {
			if m.Input >= 0 {
				folders[m.Dest] = n.inputs[m.Input]
			}
		}
		if _, ok := folders[buildDir]; !ok && !strings.HasPrefix(n.name, "configure: ") {
			continue
		}
		if steps++; folders[scriptDir] == "" {
			t.Errorf("%s: %s is not there", n.name, scriptPath(shaderCompiler))
		}
	}
	if steps != 5 {
		t.Errorf("%d steps configure or compile", steps)
	}
}

func TestAnUnknownShaderCompilerUsesNoCache(t *testing.T) {
	t.Parallel()
	s := newShaders(t)
	s.env = append(s.env, "STRIX_GLSLC_SUM="+filepath.Join(s.dir, "none", "sum")) // as where the disk is full
	out := filepath.Join(s.dir, "a.spv")
	args := []string{"-fshader-stage=compute", filepath.Join(s.dir, "a.comp"), "-o", out, "-DFACTOR=2.0"}
	if text, err := s.run(args...); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	s.write("glslc", "#!/bin/sh\nfor arg; do [ \"$last\" != -o ] || echo other >\"$arg\"; last=$arg; done\n")
	s.env[0] = "PATH=" + s.dir + ":" + os.Getenv("PATH")
	if text, err := s.run(args...); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "other\n" {
		t.Errorf("%v: a shader of the other one", err)
	}
}

func TestShadersSayWhatTheyInclude(t *testing.T) {
	t.Parallel()
	s := newShaders(t)
	deps := filepath.Join(s.dir, "a.d")
	for _, cached := range []bool{false, true} {
		if _, hit := s.words("2.0", "-MD", "-MF", deps); hit != cached {
			t.Errorf("from the cache: %t, want %t", hit, cached)
		}
		data, err := os.ReadFile(deps)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(data); !strings.HasPrefix(text, filepath.Join(s.dir, "a.spv")+":") || !strings.Contains(text, "size.glsl") {
			t.Errorf("%q", text)
		}
		if err := os.Remove(deps); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShaderErrorsAreTheCompilers(t *testing.T) {
	t.Parallel()
	s := newShaders(t)
	s.write("a.comp", "#version 450\nvoid main() { nothing(); }\n")
	out := filepath.Join(s.dir, "a.spv")
	for range 2 {
		text, err := s.run("-fshader-stage=compute", filepath.Join(s.dir, "a.comp"), "-o", out)
		if err == nil || !strings.Contains(text, "a.comp:2: error: 'nothing'") {
			t.Errorf("%v: %s", err, text)
		}
	}
	if text, err := s.run("-o", "-", "-fshader-stage=compute", filepath.Join(s.dir, "a.comp")); err == nil || !strings.Contains(text, "error:") { // CMake asks what it can
		t.Errorf("%v: %s", err, text)
	}
	if text, err := s.run("--version"); err != nil || !strings.Contains(text, "glslang") {
		t.Errorf("%v: %s", err, text)
	}
}
