package prove

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// symptoms are what llama.cpp writes when positions run backwards, state is lost or it gives up. Most are warnings that do
// not stop an answer. (src/llama-batch.cpp, llama-memory-recurrent.cpp, llama-memory-hybrid.cpp, llama-context.cpp,
// tools/server/server-context.cpp and ggml.c, read at b8779, b9880 and b10470.)
var symptoms = []string{
	"inconsistent sequence positions",
	"for M-RoPE, it is required that the position satisfies",
	"it is required that the sequence positions remain consecutive",
	"positions are not continuous",
	"positions are decreasing",
	"but have divereged",
	"non-consecutive token position",
	"failed to find a memory slot",
	"failed to prepare recurrent ubatches",
	"failed to prepare attention ubatches",
	"failed to initialize batch",
	"failed to process speculative batch",
	"failed to restore context checkpoint",
	"Invalid input batch",
	"pos_min == -1, but n_past > 0",
	"GGML_ASSERT(",
	"GGML_ABORT",
	"terminate called",
}

// refusals are how servers say that they will not draft, the most telling first.
var refusals = []string{
	"does not support partial sequence removal",
	"speculative decoding not supported",
	"speculative decoding is not supported",
	"failed to initialize speculative decoding context",
	"speculative decoding context not initialized",
	"no implementations specified for speculative decoding",
}

// mistakes are how programs say that they were called wrongly: by us, for this build.
var mistakes = []string{"invalid argument", "error while handling argument", "has been removed"}

// lastLines is how much of a log is kept to explain an end.
const lastLines = 20

// serverLog reads a program's output as it comes. It keeps what it looks for and the end, not the whole.
type serverLog struct {
	copy io.Writer // nil: nowhere

	mu      sync.Mutex
	partial []byte
	last    []string
	found   map[string]string // symptom or refusal → the first line with it
}

func newLog(to io.Writer) *serverLog { return &serverLog{copy: to, found: map[string]string{}} }

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.copy != nil {
		_, _ = l.copy.Write(p) // a full disk is not the server's fault
	}
	l.partial = append(l.partial, p...)
	for {
		line, rest, ok := bytes.Cut(l.partial, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.line(string(line))
		l.partial = slices.Clone(rest)
	}
}

func (l *serverLog) line(s string) {
	s = plain(s)
	if s == "" {
		return
	}
	if l.last = append(l.last, s); len(l.last) > lastLines {
		l.last = l.last[1:]
	}
	for _, sign := range slices.Concat(symptoms, refusals, mistakes) {
		if l.found[sign] == "" && strings.Contains(s, sign) {
			l.found[sign] = s
		}
	}
}

// stamp is the time and level before a line: "0.01.229.887 W ".
var stamp = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+ [A-Z] `)

// colours a terminal would show.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func plain(s string) string {
	s = stamp.ReplaceAllString(colours.ReplaceAllString(s, ""), "")
	return strings.Join(strings.Fields(s), " ")
}

// symptoms returns the lines that should not be there, in the order of the list; less what known has too.
func (l *serverLog) symptoms(known *serverLog) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, s := range symptoms {
		if line := l.found[s]; line != "" && (known == nil || known.found[s] == "") && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// refusal is the line in which a server says that it does not draft; "" where it says nothing.
func (l *serverLog) refusal() string { return l.first(refusals) }

// mistake is the line in which a program says that it was called wrongly; "" where it was not.
func (l *serverLog) mistake() string { return l.first(mistakes) }

func (l *serverLog) first(signs []string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range signs {
		if line := l.found[s]; line != "" {
			return line
		}
	}
	return ""
}

// end is the last that was said, for an error's text.
func (l *serverLog) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	if rest := plain(string(l.partial)); rest != "" {
		last = append(slices.Clone(last), rest)
	}
	for _, s := range last {
		if slices.ContainsFunc(symptoms, func(sign string) bool { return strings.Contains(s, sign) }) || strings.Contains(s, "error") {
			return fmt.Sprintf("%q", s)
		}
	}
	if len(last) == 0 {
		return "it said nothing"
	}
	return fmt.Sprintf("%q", last[len(last)-1])
}
