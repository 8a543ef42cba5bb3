package main

import (
	"fmt"
	"os"
	"strings"

	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/build"
	"strix-build/internal/gate"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
)

// judgement reads the evidence on an image and judges it again.
func (a *app) judgement(r *store.Record) (judgement, error) {
	if !judgedRecord(r) {
		j := judgement{word: store.Ungated, why: "no gate has seen it", moves: movesCandidate}
		if r.Gate != nil {
			j.why = r.Gate.Why
		}
		return j, nil
	}
	file, err := a.evidenceOf(r)
	if err != nil {
		return judgement{}, err
	}
	data, e, err := evidenceIn(file, r)
	if err != nil {
		return judgement{}, err
	}
	if got := digest.FromBytes(data).String(); got != r.Gate.Evidence {
		return judgement{}, fmt.Errorf("image %q: the evidence in %s was changed since: it is %s, and was %s", r.Ref, file, got, r.Gate.Evidence)
	}
	v := gate.Judge(e)
	j := judgement{word: string(v.Word), why: strings.Join(v.Reasons, "; ")}
	if r.Gate.Verdict != j.word {
		if err := againstAnchor(&j, v, r, driftEvidence(file)); err != nil {
			return judgement{}, err
		}
	}
	if e.Baseline != nil {
		j.baseline = e.Baseline.Digest
	}
	policy, err := a.policyNamed(e.Policy.Name)
	if err != nil {
		return judgement{}, fmt.Errorf("%s: %w", file, err)
	}
	if !sameJSON(e.Policy, gatePolicy(policy)) {
		return judgement{}, &build.HintError{Err: fmt.Errorf("image %q: it was judged by a policy %q that is not this project's", r.Ref, policy.Name),
			Hint: "the policy was changed since, or the evidence is of another project: gate it again"}
	}
	j.moves = moves(gate.Word(j.word), policy)
	return j, nil
}

// evidenceIn reads a file of evidence on an image.
func evidenceIn(file string, r *store.Record) ([]byte, *gate.Evidence, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, &build.HintError{Err: fmt.Errorf("image %q: the evidence on it: %w", r.Ref, err), Hint: "gate it again: strix-build recipe NAME --force"}
	}
	e, err := gate.Read(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if e.Candidate.Digest != r.Digest {
		return nil, nil, fmt.Errorf("%s is about image %s, not %s", file, e.Candidate.Digest, r.Digest)
	}
	return data, e, nil
}

// againstAnchor takes the verdict of an image that passed against the last one, and not against the anchor: the record has another word then than the
// evidence, and only the evidence against the anchor can be why. It never makes a verdict better.
func againstAnchor(j *judgement, v gate.Verdict, r *store.Record, file string) error {
	_, e, err := evidenceIn(file, r)
	if err == nil {
		if drift := gate.Judge(e); string(drift.Word) == r.Gate.Verdict && drift.Refused() && !v.Refused() {
			j.word, j.why, j.evidence = r.Gate.Verdict, r.Gate.Why, file
			return nil
		}
	}
	return &build.HintError{Err: fmt.Errorf("image %q: its record says %s, and its evidence comes to %s", r.Ref, r.Gate.Verdict, v.Word),
		Hint: "the record was changed, or strix-build judges otherwise than it did: gate it again"}
}

// What a verdict may move; the words are the policies'.
const (
	movesNone      = "none"
	movesCandidate = "candidate"
	movesChannel   = "channel"
)

func moves(word gate.Word, policy *recipe.Policy) string {
	switch word {
	case gate.Pass:
		return movesChannel
	case gate.Smoke:
		return policy.SmokeMoves.Value
	}
	return movesCandidate // so that it can be looked at
}
