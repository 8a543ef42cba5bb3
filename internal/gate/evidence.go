package gate

import (
	"time"

	"strix-build/internal/llamabench"
)

// EvidenceVersion is the format of [Evidence] that this program writes; it reads no newer one.
const EvidenceVersion = 1

// Evidence is what a gate measured. Its JSON form is the document that travels with an image.
type Evidence struct {
	Version   int      `json:"version"`
	Tool      string   `json:"tool"` // strix-build's own version
	Candidate Subject  `json:"candidate"`
	Baseline  *Subject `json:"baseline,omitempty"`
	Host      Host     `json:"host"`
	Device    Device   `json:"device"`
	Policy    Policy   `json:"policy"`
	Args      []string `json:"args"`    // of every process, besides its run's own
	Runs      []Run    `json:"runs"`    // what is measured, in this order
	Checks    []Check  `json:"checks"`  // static, correctness and serving, in the order they were made
	Samples   []Sample `json:"samples"` // every process, in the order they ran
	// Ended says what ended it before it was decided, e.g. "interrupted"; "" where nothing did.
	Ended   string   `json:"ended,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Subject is an image, or a folder of programs.
type Subject struct {
	Name   string `json:"name"`
	Digest string `json:"digest,omitempty"` // of the image
	Build  string `json:"build"`            // b9880
}

// Host is the machine, in words of its own. What it does not say is empty.
type Host struct {
	Board    string            `json:"board"`
	BIOS     string            `json:"bios"`
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	Memory   int64             `json:"memory"` // bytes
	Kernel   string            `json:"kernel"`
	Driver   string            `json:"driver"` // of the GPU
	Firmware map[string]string `json:"firmware,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"` // gttsize, ttm pages_limit and the like
	Power    map[string]string `json:"power,omitempty"`  // governor, profile, DPM level
}

// Device is what computed.
type Device struct {
	Kind string `json:"kind"` // a GPU target such as gfx1151, "vulkan", "lavapipe" or "cpu"
	Name string `json:"name"`
}

// Stage is a part of the gate that makes checks.
type Stage string

// The stages, in order.
const (
	Static      Stage = "static"
	Correctness Stage = "correctness"
	Serving     Stage = "serving"
)

// Check is one thing that must hold.
type Check struct {
	Stage   Stage    `json:"stage"`
	Name    string   `json:"name"`
	OK      bool     `json:"ok"`
	Why     string   `json:"why,omitempty"`     // what was seen
	Skipped bool     `json:"skipped,omitempty"` // it could not be made, and Why says what was missing
	Figures []Figure `json:"figures,omitempty"` // what it measured
}

// Figure is a number that a check measured, with the bounds that it must keep.
type Figure struct {
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
	Value    *float64 `json:"value"`              // null: what was measured is no number
	Baseline *float64 `json:"baseline,omitempty"` // the baseline's
	Least    *float64 `json:"least,omitempty"`    // bounds; none: any number will do
	Most     *float64 `json:"most,omitempty"`
}

// Run is what one process measures: one model at one depth, with all its tests. Its cells share fate: they come from the
// same processes.
type Run struct {
	Class string   `json:"class"` // dense, moe or hybrid
	Model string   `json:"model"` // name of the file
	Bytes int64    `json:"bytes"` // its size
	Depth int      `json:"depth"` // tokens
	Tests []string `json:"tests"` // as llamabench names them
}

// Name tells a run from the others of the same evidence.
func (r Run) Name() string { return r.Class + llamabench.TestName(0, 0, r.Depth) }

// cells are the names of the run's cells.
func (r Run) cells() []string {
	var out []string
	for _, t := range r.Tests {
		out = append(out, r.Class+"/"+t)
	}
	return out
}

// Arm is whose programs a process is.
type Arm string

// The arms.
const (
	Baseline  Arm = "baseline"
	Candidate Arm = "candidate"
)

// Part is what a process is for.
type Part string

// The parts, in order.
const (
	WarmUp      Part = "warm-up"      // thrown away
	CanaryStart Part = "canary-start" // the baseline against itself
	Round       Part = "round"
	CanaryEnd   Part = "canary-end"
)

// Step is a process to run.
type Step struct {
	Run   int  `json:"run"` // of Evidence.Runs
	Part  Part `json:"part"`
	Round int  `json:"round"` // from 1, of its part
	Place int  `json:"place"` // 0 to 3: its place in the round, A B B A
	Arm   Arm  `json:"arm"`
}

// Sample is a process that ran.
type Sample struct {
	Step
	Command []string         `json:"command"`
	Began   time.Time        `json:"began"`
	Seconds float64          `json:"seconds"` // by a clock that is never set
	Others  float64          `json:"others"`  // CPUs that other processes of the host kept busy meanwhile
	Peak    int64            `json:"peak"`    // bytes of memory, of its largest process
	Rows    []llamabench.Row `json:"rows"`
	Fault   string           `json:"fault,omitempty"` // why there are no rows
}
