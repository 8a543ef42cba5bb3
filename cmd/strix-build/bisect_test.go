package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/bisect"
	"strix-build/internal/gate"
	"strix-build/internal/recipe"
)

// TestBetweenChangesOneThingAtATime: from any list to any other, each step takes one set away, puts one on, or changes the order alone.
func TestBetweenChangesOneThingAtATime(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	r := rand.New(rand.NewPCG(3, 4))
	some := func() []string {
		out := slices.Clone(all)
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out[:r.IntN(len(out)+1)]
	}
	for range 1000 {
		good, bad := some(), some()
		way := between(good, bad)
		if !slices.Equal(way[0].sets, good) || !slices.Equal(way[len(way)-1].sets, bad) {
			t.Fatalf("from %q to %q: %v", good, bad, way)
		}
		for i := 1; i < len(way); i++ {
			before, now := way[i-1].sets, way[i].sets
			if d := len(now) - len(before); d < -1 || d > 1 || slices.Equal(before, now) {
				t.Fatalf("from %q to %q: %q after %q", good, bad, now, before)
			}
			for _, set := range now {
				if len(now) <= len(before) && !slices.Contains(before, set) {
					t.Fatalf("from %q to %q: %q after %q", good, bad, now, before)
				}
			}
		}
	}
}

// TestWhatWasAskedIsToldApart: evidence about one model is none about another, nor about layers elsewhere.
func TestWhatWasAskedIsToldApart(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.gguf")
	asked := func(change func(*bisectFlags)) string {
		b := &bisection{policy: &recipe.Policy{Name: "p"}, o: bisectFlags{models: map[string]string{"dense": model}, ngl: "99"}}
		change(&b.o)
		return string(b.asked())
	}
	same := func(*bisectFlags) {}
	before := asked(same)
	if asked(same) != before {
		t.Error("the same is another")
	}
	for name, change := range map[string]func(*bisectFlags){
		"model":   func(o *bisectFlags) { o.models = map[string]string{"dense": "other.gguf"} },
		"layers":  func(o *bisectFlags) { o.ngl = "0" },
		"device":  func(o *bisectFlags) { o.device = "Vulkan0" },
		"devices": func(o *bisectFlags) { o.gpu = true },
	} {
		if asked(change) == before {
			t.Errorf("another %s is the same", name)
		}
	}
	if err := os.WriteFile(model, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if asked(same) == before {
		t.Error("another file of the same name is the same")
	}
}

// TestABadEndThatCannotBeTried is not the first bad one: nobody saw anything bad.
func TestABadEndThatCannotBeTried(t *testing.T) {
	var out bytes.Buffer
	b := &bisection{app: &app{streams: streams{out: &out, err: io.Discard}}, search: bisect.New(1)}
	b.steps = []bisectStep{{Name: "b1", Mark: bisect.Good}, {Name: "b2", Mark: bisect.Skip, Why: "it does not compile"}}
	if err := b.search.Mark(1, bisect.Skip); err != nil {
		t.Fatal(err)
	}
	want := "nothing bad was seen: b2, which is said to be bad, could not be tried: it does not compile"
	if err := b.conclude(); err == nil || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if strings.Contains(out.String(), "first bad") {
		t.Errorf("it is shown as the first bad one:\n%s", &out)
	}
}

// TestEvidenceThatIsUsedAgain is complete, and of what is asked.
func TestEvidenceThatIsUsedAgain(t *testing.T) {
	policy, err := (&app{projectDir: "../.."}).policyNamed(anyDevice)
	if err != nil {
		t.Fatal(err)
	}
	policy.Limits = map[string]recipe.Percent{}
	b := &bisection{policy: policy, steps: []bisectStep{{Name: "b1", Digest: "sha256:good"}, {Name: "b2", Digest: "sha256:next"}}}
	file := filepath.Join(t.TempDir(), "evidence.json")
	for name, tc := range map[string]struct {
		change func(*gate.Evidence)
		used   bool
	}{
		"complete":    {func(*gate.Evidence) {}, true},
		"interrupted": {func(e *gate.Evidence) { e.Ended = "interrupted" }, false},
		"other image": {func(e *gate.Evidence) { e.Candidate.Digest = "sha256:other" }, false},
		"other good":  {func(e *gate.Evidence) { e.Baseline.Digest = "sha256:other" }, false},
		"no verdict":  {func(e *gate.Evidence) { e.Verdict = nil }, false},
		"policy":      {func(e *gate.Evidence) { e.Policy.Divergence = 7 }, false},
	} {
		e := &gate.Evidence{Version: gate.EvidenceVersion, Candidate: gate.Subject{Name: "x", Digest: "sha256:next", Build: "b2"}, Baseline: &gate.Subject{Name: "y", Digest: "sha256:good", Build: "b1"},
			Policy: gatePolicy(policy), Args: []string{}, Device: gate.Device{Kind: "cpu"}, Runs: []gate.Run{}, Samples: []gate.Sample{},
			Checks: []gate.Check{gate.Checked(gate.Static, "libraries resolve", ""), gate.Checked(gate.Correctness, "dense", "")}}
		v := gate.Judge(e)
		e.Verdict = &v
		tc.change(e)
		if err := keep(file, e); err != nil {
			t.Fatal(err)
		}
		if got := b.measuredBefore(file, &b.steps[1]); (got != nil) != tc.used {
			t.Errorf("%s: used again is %t, want %t", name, got != nil, tc.used)
		}
	}
}
