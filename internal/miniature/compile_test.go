package miniature_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestBuildsForTheCPU configures and compiles the base with this machine's tools and starts what comes out.
func TestBuildsForTheCPU(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles")
	}
	for _, tool := range []string{"cmake", "ninja", "cc", "c++"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	src := checkout(t, write(t), "b9909")
	page := filepath.Join(src, "tools", "ui", "dist", "index.html")
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, []byte("<p>hello</p>"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := t.TempDir()
	said := run(t, "cmake", "-S", src, "-B", build, "-G", "Ninja", "-DGGML_NATIVE=OFF", "-DGGML_RPC=ON", "-DGGML_CCACHE=OFF",
		"-DGGML_HIP_UMA=ON", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF",
		"-DLLAMA_BUILD_UI=OFF", "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_NUMBER=9909", "-DLLAMA_BUILD_COMMIT=0123456789")
	if m := unused.FindStringSubmatch(said); m == nil || strings.TrimSpace(m[1]) != "GGML_HIP_UMA" {
		t.Errorf("unused variables %q, want GGML_HIP_UMA", m)
	}
	run(t, "cmake", "--build", build)
	bin := filepath.Join(build, "bin")
	for _, name := range []string{"llama-bench", "llama-perplexity", "llama-tokenize", "ggml-rpc-server", "libllama.so.0.0.9909"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"llama-cli", "llama-server"} {
		if said := run(t, filepath.Join(bin, name), "--version"); !strings.HasPrefix(said, "version: 9909 (0123456789)\nbuilt with ") {
			t.Errorf("%s --version: %q", name, said)
		}
		if said := run(t, filepath.Join(bin, name), "--list-devices"); said != "Available devices:\n" {
			t.Errorf("%s --list-devices: %q", name, said)
		}
	}
	checkBench(t, filepath.Join(bin, "llama-bench"), filepath.Join(src, "models", "ggml-vocab-mini.gguf"))
	checkServer(t, filepath.Join(bin, "llama-server"))
	checkOps(t, src, build)
}

// checkOps adds the test program to the build folder, as the companion of an image is made: nothing else is compiled again.
func checkOps(t *testing.T, src, build string) {
	t.Helper()
	run(t, "cmake", "-S", src, "-B", build, "-DLLAMA_BUILD_TESTS=ON")
	if said := run(t, "cmake", "--build", build, "--target", "test-backend-ops"); strings.Count(said, "Building") != 1 {
		t.Errorf("more than the test program was compiled:\n%s", said)
	}
	program := filepath.Join(build, "bin", "test-backend-ops")
	if said := run(t, program, "test", "-o", "MUL_MAT"); !strings.Contains(said, "\n  Skipping CPU backend\n1/1 backends passed\n") {
		t.Errorf("without a GPU: %s", said)
	}
	said := run(t, program, "test", "-o", "MUL_MAT,MUL_MAT_ID", "-b", "CPU")
	for _, want := range []string{"Backend 1/1: CPU\n  Device description: ", "  MUL_MAT(type_a=f32,type_b=f32,m=16,n=1,k=256): \x1b[1;32mOK\x1b[0m\n",
		"): not supported [CPU] \n  4/4 tests passed\n  Backend CPU: \x1b[1;32mOK\x1b[0m\n1/1 backends passed\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
}

// unused is CMake's report; its head line differs between versions.
var unused = regexp.MustCompile(`(?s)Manually-specified variables were not used by the project:\n(.*?)\n\n\n`)

// run returns stdout and stderr together.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func checkBench(t *testing.T, bench, model string) {
	t.Helper()
	said := run(t, bench, "-m", model, "-p", "8,16", "-n", "4", "-r", "3", "-ngl", "99", "-o", "jsonl")
	type row struct {
		BuildNumber int       `json:"build_number"`
		BuildCommit string    `json:"build_commit"`
		Backends    string    `json:"backends"`
		NGPULayers  int       `json:"n_gpu_layers"`
		NPrompt     int       `json:"n_prompt"`
		NGen        int       `json:"n_gen"`
		AvgTS       float64   `json:"avg_ts"`
		SamplesNS   []uint64  `json:"samples_ns"`
		SamplesTS   []float64 `json:"samples_ts"`
	}
	want := [][2]int{{8, 0}, {16, 0}, {0, 4}}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d rows: %s", len(lines), said)
	}
	for i, line := range lines {
		var r row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.BuildNumber != 9909 || r.BuildCommit != "0123456789" || r.Backends != "CPU" || r.NGPULayers != 99 ||
			[2]int{r.NPrompt, r.NGen} != want[i] || len(r.SamplesNS) != 3 || len(r.SamplesTS) != 3 || r.AvgTS <= 0 {
			t.Errorf("row %d: %s", i, line)
		}
	}
	var rows []row
	if err := json.Unmarshal([]byte(run(t, bench, "-m", model, "-p", "8", "-n", "4", "-r", "1", "-o", "json")), &rows); err != nil || len(rows) != 2 {
		t.Error(len(rows), err)
	}
	if said := run(t, bench, "-m", model, "-p", "8", "-n", "0", "-r", "1"); !strings.Contains(said, " pp8 | ") {
		t.Errorf("table: %s", said)
	}
}

func checkServer(t *testing.T, server string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // kills it when the test fails half-way
	cmd := exec.CommandContext(ctx, server, "--port", "0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	lines.Scan()
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(lines.Text())
	for path, want := range map[string]string{"/health": `{"status":"ok"}`, "/": "<p>hello</p>"} {
		if got := get(t, url+path); got != want {
			t.Errorf("GET %s: %q, want %q", path, got, want)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
