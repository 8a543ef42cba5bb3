package main

import (
	"strings"
	"testing"

	"strix-build/internal/attest"
	"strix-build/internal/gate"
)

// TestGateMoves: a waiver stands for its own gate, and for no policy that is not this project's.
func TestGateMoves(t *testing.T) {
	t.Parallel()
	a := &app{projectDir: "../.."}
	policy, err := a.policyNamed(anyDevice)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := gatePolicy(policy), gatePolicy(policy)
	theirs.Divergence += 1
	for _, c := range []struct {
		policy gate.Policy
		word   gate.Word
		waived bool
		want   string
	}{
		{ours, gate.Pass, false, ""},
		{ours, gate.Regressed, true, ""},
		{ours, gate.Regressed, false, "its gate said REGRESSED, which moves no channel"},
		{theirs, gate.Regressed, true, `it was judged by a policy "any-device" that is not this project's`},
		{theirs, gate.Pass, false, `it was judged by a policy "any-device" that is not this project's`},
	} {
		err := a.gateMoves(attest.Gate{Evidence: &gate.Evidence{Policy: c.policy}, Word: c.word, Waived: c.waived})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s, waived %t: %q, want %q", c.word, c.waived, got, c.want)
		}
	}
}
