package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"strix-build/internal/recipe"
)

// Read reads evidence and checks that it can be judged. It does not compare the verdict in it: see [Judge].
func Read(data []byte) (*Evidence, error) {
	var e Evidence
	if err := Decode(data, EvidenceVersion, &e); err != nil {
		return nil, err
	}
	return &e, e.check()
}

// Decode reads a document of a format up to newest into a struct, and refuses what the struct does not have, or has twice.
func Decode(data []byte, newest int, into any) error {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fmt.Errorf("no evidence: %w", err)
	}
	if head.Version < 1 || head.Version > newest {
		return fmt.Errorf("evidence of format %d; this program reads format %d", head.Version, newest)
	}
	if err := onceOnly(data); err != nil {
		return fmt.Errorf("no evidence: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("no evidence: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("no evidence: something follows the document")
	}
	return nil
}

// check reports what would make judging meaningless.
func (e *Evidence) check() error {
	if err := e.Policy.check(); err != nil { // the bounds of what follows
		return err
	}
	if most := len(e.Runs) * (2 + 8*e.Policy.Canary + 4*e.Policy.lastLook()); len(e.Samples) > most {
		return fmt.Errorf("%d processes are more than the %d that the policy asks for", len(e.Samples), most)
	}
	if err := e.checkRuns(); err != nil {
		return err
	}
	for i, s := range e.Samples {
		if s.Run < 0 || s.Run >= len(e.Runs) {
			return fmt.Errorf("process %d is of run %d; there are %d", i+1, s.Run, len(e.Runs))
		}
		if s.Place < 0 || s.Place > 3 {
			return fmt.Errorf("process %d has place %d of a round; there are 0 to 3", i+1, s.Place)
		}
		if s.Seconds < 0 || s.Seconds > maxSeconds || s.Others < 0 {
			return fmt.Errorf("process %d took %g s, with %g CPUs used by others", i+1, s.Seconds, s.Others)
		}
	}
	for _, r := range e.Runs {
		for _, t := range r.Tests {
			if l := e.Policy.Limits[t]; l <= 0 || l >= 1 {
				return fmt.Errorf("the policy's limit for %q is %g; want a share between 0 and 1", t, l)
			}
		}
	}
	return nil
}

// maxSeconds is longer than any process: a year.
const maxSeconds = 366 * 24 * 3600

func (p *Policy) check() error {
	if p.Error <= 0 || p.Error > recipe.MaxError {
		return fmt.Errorf("the policy accepts an error of %g; want a share above 0, and %g at most", p.Error, recipe.MaxError)
	}
	if p.Device == "" {
		return errors.New("the policy names no device")
	}
	if p.lastLook() > recipe.MaxRounds {
		return fmt.Errorf("the policy has %d rounds; at most %d can be judged", p.lastLook(), recipe.MaxRounds)
	}
	last := 0
	for _, look := range p.Looks {
		if look <= last {
			return fmt.Errorf("the policy looks after %d rounds; want rising numbers", p.Looks)
		}
		last = look
	}
	if p.Canary < 1 || p.Canary > recipe.MaxCanary {
		return fmt.Errorf("the policy has %d rounds of the canary; want 1 to %d", p.Canary, recipe.MaxCanary)
	}
	for figure, loss := range p.Kernels {
		if loss < 0 {
			return fmt.Errorf("the policy lets kernels lose %d of %q", loss, figure)
		}
	}
	if p.Settle < 0 || p.Budget < 0 || p.ImageSize < 0 || p.Divergence < 0 || p.Load < 0 {
		return errors.New("the policy has a negative number")
	}
	return nil
}

// checkRuns makes sure that nothing the policy limits was left out. A part of a policy that limits no speed (bisect --check) has no runs.
func (e *Evidence) checkRuns() error {
	measured := map[string][]string{}
	for _, r := range e.Runs {
		measured[r.Class] = append(measured[r.Class], r.Tests...)
	}
	if e.Baseline != nil && len(e.Policy.Limits) > 0 {
		for _, class := range e.Policy.Classes {
			if measured[class] == nil {
				return fmt.Errorf("no run is of class %q, which the policy wants", class)
			}
		}
	}
	want := slices.Sorted(maps.Keys(e.Policy.Limits))
	for class, tests := range measured {
		slices.Sort(tests)
		if !slices.Equal(tests, want) {
			return fmt.Errorf("the runs of class %q have the tests %q; the policy limits %q", class, tests, want)
		}
	}
	return nil
}

// KeysOnce reports a key that some object of a JSON document has twice, in whatever case: readers differ in which of them counts.
func KeysOnce(data []byte) error {
	if !json.Valid(data) {
		return errors.New("it is no JSON")
	}
	return onceOnly(data)
}

// onceOnly reports a key that an object of a valid document has twice, in whatever case: readers differ in which of them counts. It goes
// over the bytes once: a decoder's tokens take three times as long as all of the rest.
func onceOnly(data []byte) error {
	var open []map[string]bool // the keys so far of what is open; nil: an array
	key := false               // a key is next, if it is an object
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			open, key = append(open, map[string]bool{}), true
		case '[':
			open = append(open, nil)
		case '}', ']':
			open, key = open[:len(open)-1], false
		case ',':
			key = true
		case '"':
			text := quoted(data[i:])
			i += len(text) - 1
			if !key || len(open) == 0 || open[len(open)-1] == nil {
				continue
			}
			name, keys := keyOf(text), open[len(open)-1]
			if keys[name] {
				return fmt.Errorf("key %q is there twice", name)
			}
			keys[name], key = true, false
		}
	}
	return nil
}

// quoted is the string that data begins with, quotes and all.
func quoted(data []byte) []byte {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return data[:i+1]
		}
	}
	return data
}

// keyOf is a key as all readers have it.
func keyOf(text []byte) string {
	for _, b := range text {
		if b >= utf8.RuneSelf || b == '\\' {
			var name string
			_ = json.Unmarshal(text, &name) // it is a part of a valid document
			return strings.ToLower(name)
		}
	}
	return strings.ToLower(string(text[1 : len(text)-1]))
}
