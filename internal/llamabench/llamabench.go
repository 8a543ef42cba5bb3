// Package llamabench reads the rows that llama-bench prints with "-o jsonl", as the builds from b8642 on write them.
//
// A row is refused where it cannot be what a finished test printed: cut short, not a number, no samples, two figures of one
// sample that contradict each other. It runs nothing and judges no speed.
package llamabench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Row is one test of one llama-bench process. Fields that no build from b8642 to b11669 lacks are all here that tell rows
// apart; the rest of a row (use_mmap and use_direct_io, load_mode since b10105) says how the model was loaded.
type Row struct {
	Commit    string `json:"build_commit"`
	Build     int    `json:"build_number"` // 0: a tree without history
	CPU       string `json:"cpu_info"`
	GPU       string `json:"gpu_info"`
	Backends  string `json:"backends"` // e.g. "ROCm", "Vulkan", "BLAS,CPU"
	Model     string `json:"model_filename"`
	Type      string `json:"model_type"`     // e.g. "qwen35moe 35B.A3B Q4_K - Medium"
	Size      int64  `json:"model_size"`     // bytes
	Params    int64  `json:"model_n_params"` //
	Batch     int    `json:"n_batch"`        // tokens
	Ubatch    int    `json:"n_ubatch"`       // tokens
	Threads   int    `json:"n_threads"`
	TypeK     string `json:"type_k"`
	TypeV     string `json:"type_v"`
	GPULayers int    `json:"n_gpu_layers"`
	Devices   string `json:"devices"`

	FlashAttn Switch `json:"flash_attn"`

	Prompt int `json:"n_prompt"` // tokens evaluated at once
	Gen    int `json:"n_gen"`    // tokens generated one by one
	Depth  int `json:"n_depth"`  // tokens in the context before

	Time    time.Time `json:"test_time"`  // when the test began, whole seconds
	Samples []int64   `json:"samples_ns"` // nanoseconds of each repetition
	Speeds  []float64 `json:"samples_ts"` // tokens a second of each repetition, six digits
}

// OnGPU reports whether a GPU computed it.
func (r *Row) OnGPU() bool { return r.GPU != "" && r.GPULayers != 0 }

// gpuBackends are ggml's backends whose devices are GPUs, as llama-bench names them; a build has them also where no device is.
var gpuBackends = regexp.MustCompile(`\b(ROCm|Vulkan|CUDA|SYCL|MUSA|MTL|OpenCL)\b`)

// CouldBeOnGPU reports whether its llama-bench was built for GPUs.
func (r *Row) CouldBeOnGPU() bool { return gpuBackends.MatchString(r.Backends) }

// Switch is a choice that was true or false before it had more values than two (flash_attn, -1: auto).
type Switch int

// UnmarshalJSON reads both forms.
func (s *Switch) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*s = 1
	case "false":
		*s = 0
	default:
		return json.Unmarshal(data, (*int)(s))
	}
	return nil
}

// Test names what was measured as llama-bench's table does, without blanks: pp512, tg128, pp2048@d32768, pp512+tg128.
func (r *Row) Test() string { return TestName(r.Prompt, r.Gen, r.Depth) }

// TestName names a test of prompt and generated tokens at a depth.
func TestName(prompt, gen, depth int) string {
	var parts []string
	if prompt > 0 {
		parts = append(parts, fmt.Sprintf("pp%d", prompt))
	}
	if gen > 0 {
		parts = append(parts, fmt.Sprintf("tg%d", gen))
	}
	name := strings.Join(parts, "+")
	if depth > 0 {
		name += fmt.Sprintf("@d%d", depth)
	}
	return name
}

// maxRow is more than any row has: a sample is 30 bytes.
const maxRow = 16 << 20

// Parse reads all rows. The error names the line: a process that was ended leaves its last row cut short, and what came
// before it must not be taken for all that was asked.
func Parse(r io.Reader) ([]Row, error) {
	var rows []Row
	n, err := Each(r, func(_ int, row *Row) error { rows = append(rows, *row); return nil })
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", n, err)
	}
	return rows, nil
}

// Each reads row by row, and returns the number of the line at which it ended, from 1.
func Each(r io.Reader, each func(line int, row *Row) error) (line int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxRow)
	for lines.Scan() {
		line++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		row, err := parseRow(text)
		if err == nil {
			err = each(line, row)
		}
		if err != nil {
			return line, err
		}
	}
	return line, lines.Err()
}

func parseRow(line []byte) (*Row, error) {
	var row Row
	if err := json.Unmarshal(line, &row); err != nil {
		if line[len(line)-1] != '}' {
			return nil, fmt.Errorf("the row is cut short: %w", err)
		}
		return nil, fmt.Errorf("no row of llama-bench: %w", err)
	}
	return &row, row.Check()
}

// agree is how far a sample's two figures may lie apart: samples_ts has six digits.
const agree = 1e-4

// Check reports a row that no finished test printed.
func (r *Row) Check() error {
	tokens := r.Prompt + r.Gen
	switch {
	case r.Prompt < 0 || r.Gen < 0 || r.Depth < 0 || tokens <= 0:
		return fmt.Errorf("a test of %d prompt and %d generated tokens at depth %d", r.Prompt, r.Gen, r.Depth)
	case r.Model == "":
		return fmt.Errorf("%s: no model_filename", r.Test())
	case r.Time.IsZero():
		return fmt.Errorf("%s: no test_time", r.Test())
	case len(r.Samples) == 0:
		return fmt.Errorf("%s: no samples", r.Test())
	case len(r.Samples) != len(r.Speeds):
		return fmt.Errorf("%s: %d samples_ns and %d samples_ts", r.Test(), len(r.Samples), len(r.Speeds))
	}
	for i, ns := range r.Samples {
		if ns <= 0 {
			return fmt.Errorf("%s: sample %d took %d ns", r.Test(), i+1, ns)
		}
		speed := float64(tokens) * 1e9 / float64(ns)
		if math.Abs(speed-r.Speeds[i]) > agree*speed {
			return fmt.Errorf("%s: sample %d: %d tokens in %d ns are %.6g tokens/s, and the row says %.6g", r.Test(), i+1, tokens, ns, speed, r.Speeds[i])
		}
	}
	return nil
}

// ParseTest is the inverse of [TestName].
func ParseTest(name string) (prompt, gen, depth int, err error) {
	m := testForm.FindStringSubmatch(name)
	if m == nil || m[1] == "" && m[2] == "" || name == "" {
		return 0, 0, 0, fmt.Errorf("%q is no test of llama-bench; want the like of pp512, tg128 or pp2048@d32768", name)
	}
	for i, n := range []*int{&prompt, &gen, &depth} {
		if m[i+1] == "" {
			continue
		}
		if *n, err = strconv.Atoi(m[i+1]); err != nil || *n == 0 {
			return 0, 0, 0, fmt.Errorf("%q: %q tokens", name, m[i+1])
		}
	}
	return prompt, gen, depth, nil
}

// testForm takes prompt, generated tokens and depth apart.
var testForm = regexp.MustCompile(`^(?:pp([0-9]+))?(?:\+?tg([0-9]+))?(?:@d([0-9]+))?$`)
