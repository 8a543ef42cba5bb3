// Package llamalog reads what llama.cpp's programs write of themselves while they write it: signs that something went wrong, and
// what they compute with.
//
// It starts no program, and judges nothing. What it looks for is data: signs.yaml.
package llamalog

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// lastLines is how much of a log is kept to explain an end.
const lastLines = 20

// Log reads a program's output as it comes. It keeps what it looks for and the end, not the whole.
type Log struct {
	copy io.Writer // nil: nowhere

	mu      sync.Mutex
	partial []byte
	last    []string
	found   map[string]string // sign → the first line with it
	facts   Facts
}

// New returns a log that copies all to a writer, which may be nil.
func New(to io.Writer) *Log { return &Log{copy: to, found: map[string]string{}} }

// Write takes a part of the output; it never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.copy != nil {
		_, _ = l.copy.Write(p) // a full disk is not the program's fault
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

func (l *Log) line(s string) {
	s = plain(s)
	if s == "" {
		return
	}
	if l.last = append(l.last, s); len(l.last) > lastLines {
		l.last = l.last[1:]
	}
	for _, sign := range known().all {
		if l.found[sign] == "" && strings.Contains(s, sign) {
			l.found[sign] = s
		}
	}
	l.facts.read(s)
}

// stamp is the time and level before a line: "0.01.229.887 W ".
var stamp = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+ [A-Z] `)

// colours a terminal would show.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func plain(s string) string {
	s = stamp.ReplaceAllString(colours.ReplaceAllString(s, ""), "")
	return strings.Join(strings.Fields(s), " ")
}

// Symptoms returns the lines that should not be there, in the order of signs.yaml; less what other has too, which may be nil.
func (l *Log) Symptoms(other *Log) []string {
	had := map[string]bool{}
	if other != nil {
		other.mu.Lock()
		for sign := range other.found {
			had[sign] = true
		}
		other.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, s := range known().symptoms {
		if line := l.found[s]; line != "" && !had[s] && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// Refusal is the line in which a server says that it does not draft; "" where it says nothing.
func (l *Log) Refusal() string { return l.first(known().refusals) }

// Mistake is the line in which a program says that it was called wrongly; "" where it was not.
func (l *Log) Mistake() string { return l.first(known().mistakes) }

func (l *Log) first(signs []string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range signs {
		if line := l.found[s]; line != "" {
			return line
		}
	}
	return ""
}

// End is the last that was said, quoted, for an error's text.
func (l *Log) End() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.last
	if rest := plain(string(l.partial)); rest != "" {
		last = append(slices.Clone(last), rest)
	}
	for _, s := range last {
		if slices.ContainsFunc(known().symptoms, func(sign string) bool { return strings.Contains(s, sign) }) || strings.Contains(s, "error") {
			return fmt.Sprintf("%q", s)
		}
	}
	if len(last) == 0 {
		return "it said nothing"
	}
	return fmt.Sprintf("%q", last[len(last)-1])
}

// Facts are what a program says of how it computes, in the order it says so: a target first, then its draft.
type Facts struct {
	Devices  []string  // "ROCm0 (AMD Radeon 8060S)"; each once
	Offloads []Offload // of each model
	Splits   []int     // of each context's graph, the most of prompt and generation; 1: it is computed in one piece
}

// Offload is how many of a model's layers are on a GPU.
type Offload struct{ On, Of int }

// Facts returns what was said until now.
func (l *Log) Facts() Facts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Facts{slices.Clone(l.facts.Devices), slices.Clone(l.facts.Offloads), slices.Clone(l.facts.Splits)}
}

func (f *Facts) read(s string) {
	k := known()
	if m := k.device.FindStringSubmatch(s); m != nil {
		if name := m[1] + " (" + m[2] + ")"; !slices.Contains(f.Devices, name) {
			f.Devices = append(f.Devices, name)
		}
	}
	if m := k.offload.FindStringSubmatch(s); m != nil {
		f.Offloads = append(f.Offloads, Offload{number(m[1]), number(m[2])})
	}
	if m := k.splits.FindStringSubmatch(s); m != nil {
		f.Splits = append(f.Splits, max(number(m[1]), number(m[2])))
	}
}

// number is 0 for what is none, or too long for one.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
