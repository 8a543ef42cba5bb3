// Package benchtest stands in for llama-bench in tests: a program that prints rows of a speed that it is told.
//
// It computes nothing.
package benchtest

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// EnvSpeed is how a fake is told its speed, in tokens a second; EnvBuild the number of its build; EnvMode what goes wrong; EnvBackends its
// backends. One of Vulkan has the device lavapipe where that is asked for by its number.
const (
	EnvSpeed = "STRIX_FAKE_BENCH_SPEED"
	EnvBuild = "STRIX_FAKE_BENCH_BUILD"
	EnvMode  = "STRIX_FAKE_BENCH"

	EnvBackends = "STRIX_FAKE_BENCH_BACKENDS"
)

// Modes of a fake.
const (
	Fail  = "fail"  // it ends with an error
	Short = "short" // its last row is cut short
	Mute  = "mute"  // it prints nothing
	Stuck = "stuck" // it does not end where the KV cache has two types
)

// Main is the program.
func Main() {
	n, err := strconv.ParseFloat(os.Getenv(EnvSpeed), 64)
	if err != nil {
		n = 1000
	}
	if get := options(os.Args[1:]); os.Getenv(EnvMode) == Stuck && get["-ctk"] != get["-ctv"] {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
	}
	if err := Run(os.Args[1:], n, os.Getenv(EnvMode), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// Run prints the rows of llama-bench's arguments, at a speed that scatters by half a percent.
func Run(args []string, speed float64, mode string, out io.Writer) error {
	get := options(args)
	depth, _ := strconv.Atoi(get["-d"])
	if mode == Fail {
		return fmt.Errorf("failed to load model '%s'", get["-m"])
	}
	var rows []map[string]any
	for _, kind := range []string{"-p", "-n"} {
		for n := range strings.SplitSeq(get[kind], ",") {
			if tokens, _ := strconv.Atoi(n); tokens > 0 {
				r := row(kind, tokens, depth, get["-m"], speed)
				r["type_k"], r["type_v"] = get["-ctk"], get["-ctv"]
				rows = append(rows, r)
			}
		}
	}
	if mode == Mute {
		rows = nil
	}
	for i, r := range rows {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if mode == Short && i == len(rows)-1 {
			data = data[:len(data)/2]
		}
		fmt.Fprintf(out, "%s\n", data)
	}
	return nil
}

// options are arguments by the option before them.
func options(args []string) map[string]string {
	get := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		get[args[i]] = args[i+1]
	}
	return get
}

func row(kind string, tokens, depth int, model string, speed float64) map[string]any {
	speed *= 1 + 0.005*rand.NormFloat64() //nolint:gosec // a fake's noise
	ns := int64(float64(tokens) * 1e9 / speed)
	build, err := strconv.Atoi(os.Getenv(EnvBuild))
	if err != nil {
		build = 8779
	}
	r := map[string]any{"build_commit": "75f3bc94e", "build_number": build, "cpu_info": "fake", "gpu_info": "", "backends": "CPU", "model_filename": model,
		"n_gpu_layers": -1, "n_prompt": 0, "n_gen": 0, "n_depth": depth, "test_time": time.Now().UTC().Format(time.RFC3339),
		"samples_ns": []int64{ns}, "samples_ts": []float64{float64(tokens) * 1e9 / float64(ns)}}
	if backends := os.Getenv(EnvBackends); backends != "" {
		r["backends"] = backends
		if os.Getenv("GGML_VK_VISIBLE_DEVICES") == "0" {
			r["gpu_info"] = "llvmpipe (LLVM 22.1.8, 256 bits)"
		}
	}
	r[map[string]string{"-p": "n_prompt", "-n": "n_gen"}[kind]] = tokens
	return r
}
