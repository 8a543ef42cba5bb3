// Package faults plays faults between a program that publishes and a registry, and looks at what the registry shows after every write: is there a
// tag that names what is not whole, or not proven? It is a proxy for one registry, the plan that says what goes wrong where, and a trial that runs the
// program into a fault and then once more without one.
//
// It knows nothing of how the program works: that is the program's command line, which is given.
package faults

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Kind is what goes wrong.
type Kind string

// Kinds of faults. Where the program is killed it is by SIGKILL, and so is the registry.
const (
	KillBefore   Kind = "kill-before"   // the program, when the registry has not heard of the request yet
	KillMidway   Kind = "kill-midway"   // the program, when half of what the request carries was sent
	KillAfter    Kind = "kill-after"    // the program, when the registry has done what it was asked and not said so
	KillRegistry Kind = "kill-registry" // the registry, when it has half of what the request carries; it is started again
	Error500     Kind = "error-500"     // the registry fails, several times in a row
	Error503     Kind = "error-503"     // the registry is not there for now, several times in a row
	Busy429      Kind = "busy-429"      // the registry has too much to do and says for how long (Retry-After)
	CutBefore    Kind = "cut-before"    // the connection ends before the request is handed on
	CutRequest   Kind = "cut-request"   // the connection ends when half of what the request carries was sent
	CutAfter     Kind = "cut-after"     // the connection ends when the registry has done what it was asked
	CutResponse  Kind = "cut-response"  // the connection ends in the middle of an answer
	Slow         Kind = "slow"          // what is sent and answered trickles from here on
	FullDisk     Kind = "full-disk"     // the registry's disk is full from here on
	TokenExpired Kind = "token-expired" // the registry's token ends here; another one is given
	LoginExpired Kind = "login-expired" // the password ends here
)

// carries says what a request must have for a kind to be played at it.
type carries int

const (
	anything carries = iota
	aBody            // in the request
	anAnswer         // a body in the answer: reads
)

// kinds says of each kind what it is played at, and what people are told it is.
var kinds = []struct {
	kind Kind
	at   carries
	text string
}{
	{KillBefore, anything, "strix-build killed (-9) before a request arrives"},
	{KillMidway, aBody, "strix-build killed (-9) in the middle of sending"},
	{KillAfter, anything, "strix-build killed (-9) before it hears the answer"},
	{KillRegistry, aBody, "registry killed (-9) in the middle of receiving"},
	{Error500, anything, "500, one to five times"},
	{Error503, anything, "503, one to five times"},
	{Busy429, anything, "429 with Retry-After, one or two times"},
	{CutBefore, anything, "connection cut before a request arrives"},
	{CutRequest, aBody, "connection cut in the middle of sending"},
	{CutAfter, anything, "connection cut before the answer"},
	{CutResponse, anAnswer, "connection cut in the middle of an answer"},
	{Slow, anything, "everything trickles from here on"},
	{FullDisk, aBody, "the registry's disk is full"},
	{TokenExpired, anything, "token expired; another one is given"},
	{LoginExpired, anything, "credentials expired"},
}

// Kinds are all of them, in the order in which they are shown.
func Kinds() []Kind {
	out := make([]Kind, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, k.kind)
	}
	return out
}

// Text says what a kind is.
func (k Kind) Text() string {
	for _, known := range kinds {
		if known.kind == k {
			return known.text
		}
	}
	return string(k)
}

func (k Kind) at() carries {
	for _, known := range kinds {
		if known.kind == k {
			return known.at
		}
	}
	return anything
}

// lasts reports whether a fault stays until the program has ended.
func (k Kind) lasts() bool { return k == Slow || k == FullDisk || k == LoginExpired }

// Operation is what the program is asked to do.
type Operation string

// Operations that are interrupted.
const (
	Publish  Operation = "publish"
	Promote  Operation = "promote"
	Rollback Operation = "rollback"
	Copy     Operation = "copy"
	Prune    Operation = "prune"
)

// Operations are all of them.
func Operations() []Operation { return []Operation{Publish, Promote, Rollback, Copy, Prune} }

// Fault is one that is planned.
type Fault struct {
	Number    int       `json:"number"` // from 1
	Operation Operation `json:"operation"`
	Kind      Kind      `json:"kind"`
	Where     float64   `json:"where"` // in [0, 1): which of the operation's requests
	Times     int       `json:"times"` // in a row, for what the program can try again
}

func (f Fault) String() string {
	return fmt.Sprintf("%d: %s, %s at %.0f %%", f.Number, f.Operation, f.Kind, f.Where*100)
}

// Plan says what goes wrong in n trials: the same for the same seed. Kinds come in turn, so that each is there equally often; the order, the
// operation and the place are random. Three of five operations are publications, which have most places to fail at.
func Plan(seed uint64, n int, of []Kind) []Fault {
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it has to be the same again
	order := make([]Kind, n)
	for i := range order {
		order[i] = of[i%len(of)]
	}
	r.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	weighted := append(slices.Repeat([]Operation{Publish}, 5), Operations()[1:]...)
	out := make([]Fault, n)
	for i, k := range order {
		out[i] = Fault{Number: i + 1, Operation: weighted[r.IntN(len(weighted))], Kind: k, Where: r.Float64(), Times: times(k, r)}
		if k.at() == aBody && (out[i].Operation == Prune || out[i].Operation == Rollback) { // they send next to nothing
			out[i].Operation = Publish
		}
	}
	return out
}

func times(k Kind, r *rand.Rand) int {
	switch k {
	case Error500, Error503:
		return 1 + r.IntN(5) // three are tried again, five are not
	case Busy429:
		return 1 + r.IntN(2)
	}
	return 1
}
