package matrix

import (
	"fmt"
	"math"
	"slices"

	"strix-build/internal/gate"
	"strix-build/internal/recipe"
)

// maxSeconds is longer than any process: a year.
const maxSeconds = 366 * 24 * 3600

// maxCanary is more than any canary needs.
const maxCanary = 100

// Read reads evidence and computes again what it shows.
func Read(data []byte) (*Evidence, error) {
	var e Evidence
	if err := gate.Decode(data, EvidenceVersion, &e); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	e.Conclude()
	return &e, nil
}

// Check reports what would make reading meaningless, for a document that has evidence in it.
func (e *Evidence) Check() error { return e.check() }

// check reports what would make reading meaningless.
func (e *Evidence) check() error {
	switch {
	case len(e.Arms) == 0 || len(e.Arms) > MaxArms:
		return fmt.Errorf("%d arms; want 1 to %d", len(e.Arms), MaxArms)
	case e.Rounds < 1 || e.Rounds > recipe.MaxRounds:
		return fmt.Errorf("%d rounds; want 1 to %d", e.Rounds, recipe.MaxRounds)
	case e.Repetitions < 1 || e.Settle < 0 || e.Timeout < 0 || e.Others < 0:
		return fmt.Errorf("no repetitions, or a negative number")
	case e.Order != Fixed && e.Order != Turning:
		return fmt.Errorf("arms in the order %q", e.Order)
	case e.Canary < 0 || e.Canary > maxCanary:
		return fmt.Errorf("a canary of %d; want 0 to %d", e.Canary, maxCanary)
	case len(e.Samples) > len(e.Runs)*(len(e.Arms)*(1+2*e.Rounds)+8*e.Canary):
		return fmt.Errorf("%d processes are more than %d rounds have", len(e.Samples), e.Rounds)
	}
	for i := range e.Runs {
		if r := &e.Runs[i]; r.Spec != "" && (!slices.Contains(Specs(), r.Spec) || !slices.Equal(r.Tests, []string{Chat})) {
			return fmt.Errorf("run %d drafts with %q and has the tests %q", i+1, r.Spec, r.Tests)
		}
	}
	for i := range e.Samples {
		if err := e.Samples[i].check(e); err != nil {
			return fmt.Errorf("process %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Sample) check(e *Evidence) error {
	switch {
	case s.Run < 0 || s.Run >= len(e.Runs):
		return fmt.Errorf("it is of run %d; there are %d", s.Run, len(e.Runs))
	case len(s.Arm) != 1 || s.Arm < "A" || s.Arm > letter(len(e.Arms)-1):
		return fmt.Errorf("it is of arm %q; there are %d", s.Arm, len(e.Arms))
	case s.Seconds < 0 || s.Seconds > maxSeconds || s.Others < 0 || math.IsNaN(s.Seconds):
		return fmt.Errorf("it took %g s, with %g CPUs used by others", s.Seconds, s.Others)
	case s.TimedOut && s.Fault == "":
		return fmt.Errorf("it timed out without a fault")
	}
	if e.Runs[s.Run].Spec != "" && s.Fault == "" && len(s.Chats) == 0 {
		return fmt.Errorf("no chats")
	}
	for _, c := range s.Chats {
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}
