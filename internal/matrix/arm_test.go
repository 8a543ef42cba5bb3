package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/gate"
	"strix-build/internal/program"
)

// TestTurningOrderIsBalanced: in as many rounds as there are arms, each has every place, and each other before it as often as any.
func TestTurningOrderIsBalanced(t *testing.T) {
	t.Parallel()
	for _, arms := range []int{2, 4, 8, 16, 3, 10} {
		e := evidence(t, arms, arms, Axes{Tests: []string{"pp512"}})
		e.Order = Turning
		places, before := map[string]int{}, map[string]int{}
		for round := 1; round <= arms; round++ {
			order := e.order(round)
			for i, arm := range order {
				places[fmt.Sprint(arm, i)]++
				if i > 0 {
					before[fmt.Sprint(order[i-1], arm)]++
				}
			}
		}
		for place, n := range places {
			if n != 1 {
				t.Errorf("%d arms: arm and place %s %d times", arms, place, n)
			}
		}
		if arms%2 == 0 && len(before) != arms*(arms-1) {
			t.Errorf("%d arms: %d pairs follow each other, of %d", arms, len(before), arms*(arms-1))
		}
	}
}

func TestCanaryIsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	e := evidence(t, 2, 2, Axes{Tests: []string{"pp512"}})
	e.Order, e.Canary = Turning, 1
	if got, want := steps(e), "w0A w0B c0A c0A c0A c0A r0A r0B r0B r0A r0B r0A r0A r0B c0A c0A c0A c0A"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhatIsEveryonesIsOneLine(t *testing.T) {
	t.Parallel()
	e := Evidence{Environment: []string{"A=b\nINVALID\x1b[2J", "GONE"}, Args: []string{"-ngl", "9"}}
	if got, want := e.Everywhere(), `; all with A=b\nINVALID\x1b[2J without GONE -ngl 9`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// given keeps what arms' programs were given.
type given struct {
	fake
	commands *[]program.Command
}

func (g *given) Run(ctx context.Context, c program.Command) error {
	*g.commands = append(*g.commands, c)
	return g.fake.Run(ctx, c)
}

// TestArmsAreRunTheirOwnWay: environment, arguments and cache are the arm's own, and no fault.
func TestArmsAreRunTheirOwnWay(t *testing.T) {
	t.Parallel()
	e := evidence(t, 2, 3, Axes{Tests: []string{"pp512"}, Specs: []Spec{Off}})
	e.Order, e.Canary, e.Args = Turning, 1, []string{"-ngl", "9"}
	e.Arms[1].Environment, e.Arms[1].Args, e.Arms[1].ServerArgs = []string{"SOME=1", "OTHER"}, []string{"-fa", "1"}, []string{"--flash-attn", "on"}
	e.Arms[1].KV = &KV{"q8_0", "q8_0"}
	var commands []program.Command
	b := benchOf(t, &fake{speed: 1000}, &fake{})
	b.Arms[1] = &given{fake{speed: 1100}, &commands}
	if err := b.Measure(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	e.Conclude()
	if len(e.Faults) > 0 {
		t.Errorf("faults %q", e.Faults)
	}
	if len(commands) != 2*(1+6) {
		t.Errorf("%d processes", len(commands))
	}
	for _, c := range commands {
		all := strings.Join(c.Args, " ")
		own := map[bool]string{true: "-ctk q8_0 -ctv q8_0 -ngl 9 -fa 1 -m", false: "--cache-type-k q8_0 --cache-type-v q8_0"}[c.Program == "llama-bench"]
		if !strings.Contains(all, own) || c.Program != "llama-bench" && !strings.HasSuffix(all, "--flash-attn on") && !strings.Contains(all, "--flash-attn on ") {
			t.Errorf("%s was given %s", c.Program, all)
		}
		if !slices.Equal(c.Env, []string{"SOME=1"}) || !slices.Equal(c.Unset, []string{"OTHER"}) {
			t.Errorf("environment %q without %q", c.Env, c.Unset)
		}
	}
	if w := e.Watched(0, "pp512"); len(w.Start) != 4 || len(w.End) != 4 || len(w.Rounds) != 3 {
		t.Errorf("the first arm was watched so: %+v", w)
	}
	checkBlocks(t, e)
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Samples[1].Command = e.Samples[0].Command // as if it had run like the first arm
	e.Conclude()
	if text := strings.Join(e.Faults, "; "); !strings.Contains(text, `B: a command without the arm's own arguments ["-ctk" "q8_0"`) {
		t.Errorf("faults %s", text)
	}
	if again, err := Read(data); err != nil || len(again.Faults) > 0 || again.Arms[1].KV.K != "q8_0" {
		t.Errorf("read again: %v, %q", err, again.Faults)
	}
}

func checkBlocks(t *testing.T, e *Evidence) {
	t.Helper()
	blocks := e.Blocks(0, "pp512")
	if len(blocks) != 6 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		if len(b) != 2 || b[0] < 900 || b[0] > 1050 || b[1] < 1050 || b[1] > 1200 {
			t.Errorf("a block of %v", b)
		}
	}
	if e.Samples[0].Part != gate.WarmUp {
		t.Error("the first process is thrown away")
	}
}

func TestOddArmsAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Evidence){
		`arms in the order "any"`:       func(e *Evidence) { e.Order = "any" },
		"a canary of -1; want 0 to 100": func(e *Evidence) { e.Canary = -1 },
	} {
		e := evidence(t, 2, 1, Axes{Tests: []string{"pp512"}})
		change(e)
		if err := e.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
