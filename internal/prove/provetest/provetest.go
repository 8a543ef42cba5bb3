// Package provetest stands in for llama.cpp's programs in tests of the proof. Its "model" computes the next token from all
// tokens before it, so equal questions have equal answers; a mode says what goes wrong once there is a draft.
//
// It holds no model and drafts nothing: it only counts as if.
package provetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// Modes of a fake. Those up to Stale concern programs with a draft only, but for Arguments and NoShift.
const (
	Equal     = "equal"
	Differ    = "differ"    // one token of one prompt is another
	NoDraft   = "nodraft"   // it says that it does not draft
	Positions = "positions" // it writes of positions that run backwards
	Decay     = "decay"     // fewer tokens are accepted with every chat
	Slots     = "slots"     // four slots, whatever was asked for
	Die       = "die"       // it ends in the middle
	Hang      = "hang"      // it stops answering in the middle
	Malformed = "malformed" // it answers something else than JSON
	Early     = "early"     // answers end before their limit
	NoShift   = "noshift"   // answers end where the context does
	Arguments = "arguments" // it does not know its arguments
	Stale     = "stale"     // a reused prompt gets another answer
	Wrong     = "wrong"     // it computes with other weights
	NaN       = "nan"       // what it computes is no number
	Fail      = "fail"      // it ends with an error
	OnCPU     = "on-cpu"    // a layer stays on the CPU
	Splits    = "splits"    // it splits the work into 94 pieces
	Uncached  = "uncached"  // it computes a prompt that it knows again
	Garbage   = "garbage"   // it says one thing over and over after a long prompt
	Deaf      = "deaf"      // it does not end when it is asked to
)

// EnvMode is how a fake program is told its mode.
const EnvMode = "STRIX_FAKE_LLAMA"

// Main is the program: what it is depends on its name.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	if os.Getenv(EnvMode) == Deaf {
		signal.Ignore(syscall.SIGTERM)
	}
	err := Run(ctx, filepath.Base(os.Args[0]), os.Args[1:], os.Getenv(EnvMode), os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		os.Exit(1)
	}
	os.Exit(0)
}

// Run runs a program until ctx is cancelled or it ends by itself.
func Run(ctx context.Context, program string, args []string, mode string, stdout, stderr io.Writer) error {
	f := &fake{args: args, mode: mode, log: stderr}
	f.drafting = (f.value("--model-draft") != "" || f.value("--spec-type") != "") && mode != NoDraft
	switch {
	case slices.Contains(args, "--version"):
		fmt.Fprintln(stderr, "version: 9909 (5eca4e3ca)")
		return nil
	case mode == Arguments:
		fmt.Fprintln(stderr, "error: invalid argument: --context-shift")
		return errors.New("exit status 1")
	case mode == Fail:
		fmt.Fprintln(stderr, "error: failed to load model")
		return errors.New("exit status 1")
	case program == "llama-speculative-simple":
		return f.simple(stdout)
	}
	f.facts()
	if program == "llama-perplexity" {
		return f.perplexity(stdout)
	}
	return f.serve(ctx)
}

type fake struct {
	args     []string
	mode     string
	log      io.Writer
	drafting bool
	chats    int
	mu       sync.Mutex
	last     []int // the prompt that a slot knows
	dead     context.CancelCauseFunc
}

func (f *fake) value(flag string) string {
	if i := slices.Index(f.args, flag); i >= 0 && i+1 < len(f.args) {
		return f.args[i+1]
	}
	return ""
}

func (f *fake) number(flag string) int {
	n, _ := strconv.Atoi(f.value(flag))
	return n
}

// does reports whether the mode is on.
func (f *fake) does(mode string) bool { return f.mode == mode && f.value("--model-draft") != "" }

// vocabulary is printable ASCII.
const vocabulary = 95

// next is the model.
func next(tokens []int) int {
	sum := len(tokens)
	for i, t := range tokens {
		sum += t * (i%7 + 1)
	}
	return sum % vocabulary
}

func generate(prompt []int, n int) []int {
	all := slices.Clone(prompt)
	for range n {
		all = append(all, next(all))
	}
	return all[len(prompt):]
}

func encode(text string) []int {
	var out []int
	for _, b := range []byte(text) {
		out = append(out, (int(b)+vocabulary-' ')%vocabulary)
	}
	return out
}

func decode(tokens []int) string {
	var b []byte
	for _, t := range tokens {
		b = append(b, byte(t+' '))
	}
	return string(b)
}

func (f *fake) simple(stdout io.Writer) error {
	prompt := f.value("--prompt")
	answer := generate(encode(prompt), f.number("--predict")+2)
	drafted := 40
	if f.mode == Differ {
		answer[3] = (answer[3] + 1) % vocabulary
	}
	if f.mode == NoDraft {
		drafted = 0
	}
	fmt.Fprintf(stdout, "\n\n%s%s\n\n", prompt, decode(answer))
	fmt.Fprintf(f.log, "n_drafted = %d\nn_accept  = 20\n", drafted)
	return nil
}
