package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"strix-build/internal/llamalog"
	"strix-build/internal/program"
)

// simple proves a with llama-speculative-simple, which has no server's machinery around its drafts. It prints text, so text
// is compared: with what llama-server says without a draft, because the program cannot run without one. It takes a prompt in
// one batch, and says some tokens more than asked; the server's answer must be a beginning of its own.
func (t *trial) simple(ctx context.Context) error {
	dir, err := os.MkdirTemp(t.WorkDir, "p")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all := tally{program: Simple}
	drafted := -1
	for i, text := range t.base.texts {
		all.window = t.Windows[i%len(t.Windows)]
		out, err := t.whole(ctx, dir, text, all.window, len(t.base.said[i]))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			t.row.add("a", Check{Name: Simple, Verdict: Failed, Why: fmt.Sprintf("window %d, text %d: %s", all.window, i+1, oneLine(err.Error()))})
			return nil
		}
		drafted = max(drafted, out.drafted)
		all.count(i, 0, 0, compareText(out.lostEnd(t.base.said[i]), out.text), false)
	}
	if all.asked == 0 {
		return nil
	}
	if drafted == 0 {
		t.row.add("a", Check{Name: Simple, Verdict: Refused, Why: "it drafts nothing"})
		return nil
	}
	t.row.add("a", all.check(Simple))
	return nil
}

// speech is what llama-speculative-simple said.
type speech struct {
	text    string
	drafted int // -1: not said
	log     *llamalog.Log
}

// tries is how often the program is run for a text whose end it lost: it writes from a thread that it does not wait for when
// it exits (common/log.cpp: "logs may be lost"), so that a busy machine sees less than was said.
const tries = 5

// whole runs the program until it has said at least so much, or has said less every time.
func (t *trial) whole(ctx context.Context, dir, text string, window, least int) (speech, error) {
	var best speech
	for range tries {
		out, err := t.speculate(ctx, dir, text, window)
		if err != nil {
			return out, err
		}
		if len(out.text) >= least && out.drafted >= 0 {
			return out, nil
		}
		if best.log == nil || len(out.text) > len(best.text) {
			best = out
		}
	}
	return best, nil
}

// lostEnd is as much of want as a program said that lost its end every time: never less than half.
func (s speech) lostEnd(want string) string {
	said := strings.TrimRight(s.text, "\n")
	if len(said) < len(want) && len(said) > len(want)/2 {
		return want[:len(said)]
	}
	return want
}

// simpleBatch takes any text prompt whole.
const simpleBatch = textTokens

func (t *trial) speculate(ctx context.Context, dir, text string, window int) (speech, error) {
	set := setting{name: "simple", pair: t.pair, window: window, slots: 1, batch: simpleBatch}
	args, err := t.arguments(set)
	if err != nil {
		return speech{}, err
	}
	args = append(args, "--predict", strconv.Itoa(t.Tokens+t.spare()), "--temp", "0", "--top-k", "1", "--ignore-eos", "--prompt", text)
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, fmt.Errorf("no answer within %s", t.Timeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	out := speech{log: llamalog.New(nil)}
	err = t.runner.Run(ctx, program.Command{Program: Simple, Args: args, Dir: dir, Files: set.files(), Stdout: &stdout, Stderr: io.MultiWriter(&stderr, out.log)})
	if err != nil {
		return out, fmt.Errorf("%w: %s", causeOf(ctx, err), out.log.End())
	}
	if out.text, err = afterPrompt(stdout.String(), text); err != nil {
		return out, err
	}
	out.drafted = -1 // it lost that too
	if m := draftedForm.FindStringSubmatch(stderr.String()); m != nil {
		out.drafted, _ = strconv.Atoi(m[1])
	}
	return out, nil
}

var draftedForm = regexp.MustCompile(`n_drafted\s+=\s+(\d+)`)

func afterPrompt(out, prompt string) (string, error) {
	_, said, ok := strings.Cut(out, prompt)
	if !ok {
		return "", errors.New("its output does not begin with the prompt")
	}
	return said, nil
}
