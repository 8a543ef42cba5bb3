// Package gate judges an image: whether it is right, and whether it is slower than a baseline.
//
// [Evidence] is everything that was measured; [Judge] is a pure function of it and of the policy it carries, so that anyone
// can compute the verdict again from the document. [Next] says, from what was measured so far, which process runs next: so a
// run that was interrupted goes on where it was. What is measured is pairs of processes, of the baseline and the candidate, on
// one host in one run; [Curve] says how often such a gate is wrong on a host's own noise.
//
// It starts no process, reads no clock and knows no images.
package gate

// Word is the verdict in one word.
type Word string

// The verdicts.
const (
	// Pass: right, and in no cell slower than the policy allows.
	Pass Word = "PASS"
	// Smoke: as good as Pass as far as anyone can tell without the device, or the baseline, that the policy wants.
	Smoke Word = "SMOKE"
	// Inconclusive: the rounds are used up, or were ended, and some cell could be either.
	Inconclusive Word = "INCONCLUSIVE"
	// Mixed: slower in some cells and faster in others.
	Mixed Word = "MIXED"
	// Regressed: slower in some cell.
	Regressed Word = "REGRESSED"
	// Failed: a check of the image itself did not hold: it is wrong, whatever its speed.
	Failed Word = "FAILED"
	// Invalid: what was measured cannot be trusted: the host, not the image.
	Invalid Word = "INVALID"
)

// Verdict is what evidence shows.
type Verdict struct {
	Word    Word     `json:"word"`
	Reasons []string `json:"reasons"` // what decided it, and what a person can do
	Cells   []Cell   `json:"cells"`
	Canary  []Canary `json:"canary"`
	Rounds  int      `json:"rounds"` // complete ones, of the run that has most
}

// Refused reports whether the verdict keeps an image from its channel, whatever the policy lets SMOKE reach.
func (v Verdict) Refused() bool { return v.Word != Pass && v.Word != Smoke }
