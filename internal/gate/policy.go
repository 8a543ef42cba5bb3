package gate

import "time"

// Policy says what is wanted of an image. It is part of the evidence: a verdict is only as good as what it was measured
// against.
type Policy struct {
	Name    string   `json:"name"`
	Device  string   `json:"device"`  // the kind that PASS needs, or "any"
	Classes []string `json:"classes"` // of models that must be measured
	// Limits are the losses that are too much, as shares (0.03: three percent), by llama-bench test.
	Limits map[string]float64 `json:"limits"`
	// Divergence is how much candidate and reference may differ in what they say next: the mean Kullback-Leibler divergence over
	// a text's tokens, in nats; 0: any. Load is how much longer than the baseline's a start may take, as a share; 0: any.
	Divergence float64 `json:"divergence,omitempty"`
	Load       float64 `json:"load,omitempty"`
	// Kernels is what a GPU kernel that can be chosen may lose against the baseline's, by figure ("vgpr-spills"), in the figure's
	// unit; of one that is not there, any. ImageSize is the most bytes of an image's layers, compressed; 0: any.
	Kernels   map[string]int `json:"kernels,omitempty"`
	ImageSize int64          `json:"imageSize,omitempty"`
	// Error is the chance of a wrong claim that is accepted, for the whole gate and each kind of claim.
	Error float64 `json:"error"`
	// Looks are the numbers of rounds after which it is judged, rising; after the last one it ends.
	Looks  []int         `json:"looks"`
	Canary int           `json:"canary"` // rounds of it at each end
	Budget time.Duration `json:"budget"` // nanoseconds of all processes and pauses; 0: none
	Settle time.Duration `json:"settle"` // nanoseconds of pause before each process
	// Others is how many CPUs other processes may keep busy, in the middle sample; 0: any number.
	Others float64 `json:"others"`
	// Repetitions are made inside a process; their median is its figure. They are not samples of their own: they share the
	// process's clocks and memory.
	Repetitions int `json:"repetitions"`
}

// lastLook is the number of rounds after which nothing more is measured.
func (p *Policy) lastLook() int {
	if len(p.Looks) == 0 {
		return 0
	}
	return p.Looks[len(p.Looks)-1]
}
