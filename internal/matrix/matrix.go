// Package matrix measures images against each other without judging them: every image with every model, test, type of KV cache and way
// to draft, one process a sample, in turn.
//
// [Evidence] is everything that was measured; what is shown is computed from it alone, and [Next] says from it which process runs
// next, so that a run which was interrupted goes on where it was. Tests are llama-bench's; drafts, which it does not have, are measured
// by chats with llama-server. A process that fails or takes too long costs its own cells, and the rest goes on.
//
// It gives no verdict (internal/gate does), and knows no images: an arm is whatever runs a program.
package matrix

import (
	"time"

	"strix-build/internal/gate"
)

// EvidenceVersion is the format of [Evidence] that this program writes; it reads no newer one.
const EvidenceVersion = 1

// Evidence is what a matrix measured. Its JSON form is the document that bench writes.
type Evidence struct {
	Version int       `json:"version"`
	Tool    string    `json:"tool"` // strix-build's own version
	Arms    []Arm     `json:"arms"` // called A, B, … ; the others are compared with the first
	Host    gate.Host `json:"host"`
	// The arguments of every process of llama-bench, of llama-server, and of servers that draft with a second model, besides its
	// run's own.
	Args       []string `json:"args"`
	ServerArgs []string `json:"serverArgs"`
	DraftArgs  []string `json:"draftArgs"`
	// Environment are variables of every process: NAME=VALUE; a NAME alone is taken away. An arm's own come after them.
	Environment []string `json:"environment,omitempty"`

	Order       Order         `json:"order,omitempty"`  // of the arms in a round
	Canary      int           `json:"canary,omitempty"` // times four processes of the first arm before the rounds, and after them
	Rounds      int           `json:"rounds"`
	Repetitions int           `json:"repetitions"` // inside a process of llama-bench; their median is its figure
	Settle      time.Duration `json:"settle"`      // nanoseconds of pause before each process
	Timeout     time.Duration `json:"timeout"`     // nanoseconds that a process may take
	Others      float64       `json:"others"`      // how many CPUs other processes may keep busy, in the middle process; 0: any number
	Runs        []Run         `json:"runs"`        // what is measured, in this order
	Samples     []Sample      `json:"samples"`     // every process, in the order they ran
	// Ended says what ended it before all was measured, e.g. "interrupted"; "" where nothing did.
	Ended string `json:"ended,omitempty"`

	// What the samples show: see [Evidence.Conclude].
	Cells  []Cell   `json:"cells"`
	Faults []string `json:"faults"` // why the samples cannot be trusted
}

// Arm is what is compared: a subject, and how its programs are run besides.
type Arm struct {
	gate.Subject
	Environment []string `json:"environment,omitempty"` // NAME=VALUE; a NAME alone is taken away
	Args        []string `json:"args,omitempty"`        // of its llama-bench
	ServerArgs  []string `json:"serverArgs,omitempty"`  // of its llama-server
	KV          *KV      `json:"kv,omitempty"`          // of its KV cache, in place of the run's
}

// kv are the types of an arm's cache in a run.
func (a *Arm) kv(r *Run) KV {
	if a.KV != nil {
		return *a.KV
	}
	return r.KV
}

// Order says how arms follow each other in a round. Each is there twice; the second half goes back the way of the first.
type Order string

// The orders.
const (
	Fixed Order = "" // A B C, C B A in every round
	// Turning is another order in each round: in as many rounds as there are arms, each has had every place, and (where their number is even)
	// each other arm before it (Williams, 1949).
	Turning Order = "turning"
)

// Run is what one process measures: tests of one model at one depth, or chats with it.
type Run struct {
	gate.Run
	KV KV `json:"kv"`
	// Spec is how a server drafts while it is asked chats; "": llama-bench runs the tests.
	Spec  Spec   `json:"spec,omitempty"`
	Draft string `json:"draft,omitempty"` // name of the model that drafts
}

// Name tells a run from the others of the same evidence.
func (r *Run) Name() string {
	if r.Spec != "" {
		return r.Class + " " + r.Column(Chat) + " " + r.KV.String()
	}
	return r.Run.Name() + " " + r.KV.String()
}

// Column is what a test is called beside the others of its model.
func (r *Run) Column(test string) string {
	if r.Spec != "" && r.Spec != Off {
		return test + " " + string(r.Spec)
	}
	return test
}

// Chat is the test of runs that are chats: ten of them, tokens a second of their answers.
const Chat = "chat"

// Spec is a way to draft.
type Spec string

// The ways.
const (
	Off   Spec = "off"
	NGram Spec = "ngram" // what followed the same tokens before
	Draft Spec = "draft" // a second, smaller model
	MTP   Spec = "mtp"   // the model's own layers for further tokens
)

// Specs are all ways, in order.
func Specs() []Spec { return []Spec{Off, NGram, Draft, MTP} }

// Sample is a process that ran. Its step's arm is a letter.
type Sample struct {
	gate.Sample
	Chats    []ChatAnswer `json:"chats,omitempty"`
	TimedOut bool         `json:"timedOut,omitempty"` // it did not end in its time
}

// ChatAnswer is what a server says of one answer.
type ChatAnswer struct {
	Tokens   int     `json:"tokens"`
	Speed    float64 `json:"speed"` // tokens a second
	Drafted  int     `json:"drafted"`
	Accepted int     `json:"accepted"`
}

// Speed is a process's figure of a test, in tokens a second: 0 where it has none.
func (s *Sample) Speed(test string) float64 {
	if test != Chat {
		return s.Sample.Speed(test)
	}
	var tokens, seconds float64
	for _, c := range s.Chats {
		tokens += float64(c.Tokens)
		seconds += float64(c.Tokens) / c.Speed
	}
	if seconds == 0 {
		return 0
	}
	return tokens / seconds
}

// acceptance is the share of drafted tokens that were accepted; false: none was drafted.
func (s *Sample) acceptance() (float64, bool) {
	var drafted, accepted int
	for _, c := range s.Chats {
		drafted, accepted = drafted+c.Drafted, accepted+c.Accepted
	}
	return float64(accepted) / float64(max(1, drafted)), drafted > 0
}

// letter names the i-th arm.
func letter(i int) gate.Arm { return gate.Arm(rune('A' + i)) }

// MaxArms is how many letters there are.
const MaxArms = 26
