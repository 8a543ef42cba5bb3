package attest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"strix-build/internal/gate"
	"strix-build/internal/sign"
	"strix-build/internal/tag"
)

// now is a day in the life of the waivers here.
var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// set is all that is attached to an image: statements by name, in order, and who signs them.
type set struct {
	t          *testing.T
	key        *sign.Key
	names      []string
	statements map[string][]byte
	keys       map[string]*sign.Key // where it is another
}

// fullSet is right in everything. The gate's document is about an image so many times as fast as its baseline.
func fullSet(t *testing.T, speed float64) (*set, []byte) {
	t.Helper()
	img, evidence := someImage(t), evidenceOf(t, thisImage, speed)
	s := &set{t: t, key: newKey(t), statements: map[string][]byte{}, keys: map[string]*sign.Key{}}
	s.put("1", must(t)(Signature(img)))
	s.put("2", must(t)(Evidence(img, evidence)))
	s.put("3", must(t)(Provenance(img)))
	s.put("4", must(t)(SBOM(img)))
	return s, evidence
}

func (s *set) put(name string, statement []byte) {
	if s.statements[name] == nil {
		s.names = append(s.names, name)
	}
	s.statements[name] = statement
}

func (s *set) drop(name string) {
	s.names = slices.DeleteFunc(s.names, func(n string) bool { return n == name })
}

// edit changes a statement's text before it is signed.
func (s *set) edit(name, from, to string) {
	s.t.Helper()
	text := string(s.statements[name])
	if !strings.Contains(text, from) {
		s.t.Fatalf("statement %s has no %q", name, from)
	}
	s.statements[name] = []byte(strings.ReplaceAll(text, from, to))
}

func (s *set) waive(name string, w Waiver, evidence []byte) {
	s.t.Helper()
	s.put(name, must(s.t)(Waive(someImage(s.t), w, evidence)))
}

func (s *set) check(image string) *Report {
	s.t.Helper()
	var bundles []Bundle
	for _, name := range s.names {
		k := s.key
		if s.keys[name] != nil {
			k = s.keys[name]
		}
		b, err := k.Bundle(s.statements[name])
		if err != nil {
			s.t.Fatal(err)
		}
		bundles = append(bundles, Bundle{"bundle " + name, b})
	}
	return Check(image, bundles, sign.Trust{Keys: []*sign.PublicKey{s.key.Public()}}, now)
}

// text is a report with the key's name taken out.
func (s *set) text(r *Report) string {
	s.t.Helper()
	var out bytes.Buffer
	if err := r.Text(&out); err != nil {
		s.t.Fatal(err)
	}
	id := s.key.Public().ID()
	return strings.NewReplacer(id, "MINE", short(id), "MINE").Replace(out.String())
}

func TestCheckOfGoodSet(t *testing.T) {
	t.Parallel()
	s, _ := fullSet(t, 1)
	r := s.check(thisImage)
	want := `image ` + thisImage + `
key   MINE
bundle 1  ok  signature, signed with key MINE
bundle 2  ok  evidence, signed with key MINE; PASS, computed again, against policy any-device
bundle 3  ok  provenance, signed with key MINE; built 2026-07-06
bundle 4  ok  SBOM, signed with key MINE; 8 packages
verdict   ok  PASS
`
	if got := s.text(r); got != want || !r.OK() || !slices.Equal(r.Verdicts, []gate.Word{gate.Pass}) {
		t.Errorf("%t, %v, got\n%s\nwant\n%s", r.OK(), r.Verdicts, got, want)
	}
}

// until is how long the waivers of the tests hold.
const until = "2026-08-01"

func regressed() Waiver {
	return Waiver{Reason: "prompt speed traded for stability", Who: "a maintainer", Until: until, Waives: []string{"moe/pp512"}}
}

// TestCheckNamesEachWrongThing changes a good set in one way each.
func TestCheckNamesEachWrongThing(t *testing.T) {
	t.Parallel()
	other := newKey(t)
	for name, c := range map[string]struct {
		change func(s *set)
		says   []string
	}{
		"no signature":  {func(s *set) { s.drop("1") }, []string{"signature +WRONG +there is none that counts"}},
		"no evidence":   {func(s *set) { s.drop("2") }, []string{"evidence +WRONG +there is none that counts"}},
		"no provenance": {func(s *set) { s.drop("3") }, []string{"provenance +WRONG +there is none that counts"}},
		"no SBOM":       {func(s *set) { s.drop("4") }, []string{"SBOM +WRONG +there is none that counts"}},
		"nothing":       {func(s *set) { s.names = nil }, []string{"signature +WRONG", "evidence +WRONG", "provenance +WRONG", "SBOM +WRONG"}},
		"another key":   {func(s *set) { s.keys["2"] = other }, []string{"bundle 2 +WRONG +signed with another key: with key " + other.Public().ID() + "; wanted key MINE", "evidence +WRONG +there is none"}},
		"another image": {func(s *set) {
			s.edit("4", `"name":"llama:rocm-mmq","digest":{"sha256":"aaaa`, `"name":"llama:rocm-mmq","digest":{"sha256":"abbb`)
		},
			[]string{"bundle 4 +WRONG +SBOM, about another image: sha256:abbb"}},
		"SBOM of another image":     {func(s *set) { s.edit("4", `"checksumValue":"aaaa`, `"checksumValue":"abbb`) }, []string{"bundle 4 +WRONG +SBOM: the document describes another image"}},
		"evidence of another image": {func(s *set) { s.edit("2", `"digest":"sha256:aaaa`, `"digest":"sha256:abbb`) }, []string{"bundle 2 +WRONG +evidence: the document in it has digest sha256:.*; it says sha256:"}},
		"a figure was changed":      {func(s *set) { s.edit("2", `"seconds":1,`, `"seconds":2,`) }, []string{"bundle 2 +WRONG +evidence: the document in it has digest"}},
		"no statement":              {func(s *set) { s.put("3", []byte(`{"_type":"x"}`)) }, []string{"bundle 3 +WRONG +no statement: its type is \"x\""}},
		"a key twice":               {func(s *set) { s.edit("3", `"key":"k"`, `"key":"k","key":"l"`) }, []string{"bundle 3 +WRONG +no statement: .*key.*"}},
		"two documents":             {func(s *set) { s.edit("2", `"predicate":{"digest"`, `"predicate":{"Evidence":{},"digest"`) }, []string{"bundle 2 +WRONG +evidence: key \"evidence\" is there twice"}},
		"no builder":                {func(s *set) { s.edit("3", BuilderID, "") }, []string{"bundle 3 +WRONG +provenance: provenance.runDetails error"}},
	} {
		s, _ := fullSet(t, 1)
		c.change(s)
		r := s.check(thisImage)
		if r.OK() {
			t.Errorf("%s: it holds", name)
		}
		matches(t, name, s.text(r), c.says...)
	}
	s, _ := fullSet(t, 1)
	r := s.check(another)
	if r.OK() || strings.Count(s.text(r), "about another image") != 4 {
		t.Errorf("of another image:\n%s", s.text(r))
	}
}

// resign makes evidence whose digest is right and whose content is not what the gate would have written.
func resign(t *testing.T, s *set, document []byte) {
	t.Helper()
	sum, err := documentDigest(document)
	if err != nil {
		t.Fatal(err)
	}
	s.put("2", must(t)(newStatement(someImage(t), TypeEvidence, evidenceJSON{map[string]string{"sha256": sum.Encoded()}, json.RawMessage(document)})))
}

// TestCheckComputesVerdictsAgain has statements that whoever holds the key signed, and that are not true.
func TestCheckComputesVerdictsAgain(t *testing.T) {
	t.Parallel()
	bad := string(evidenceOf(t, thisImage, 0.8))
	for name, c := range map[string]struct{ document, says string }{
		"verdict made up":        {strings.Replace(bad, `"word": "REGRESSED"`, `"word": "PASS"`, 1), "evidence: it says PASS, and what is in it shows REGRESSED: the document was changed"},
		"evidence of another":    {string(evidenceOf(t, another, 1)), "evidence: the evidence is of another image: sha256:bbbb"},
		"evidence of a folder":   {string(evidenceOf(t, "", 1)), `evidence: the evidence is of "llama:rocm-mmq", a folder of programs`},
		"no verdict":             {bad[:strings.Index(bad, ",\n \"verdict\"")] + "\n}\n", "evidence: the evidence has no verdict: the gate is not finished"},
		"a policy without limit": {strings.Replace(bad, `"tg128": 0.03`, `"tg128": 3`, 1), "evidence: the policy's limit"},
	} {
		s, _ := fullSet(t, 1)
		resign(t, s, []byte(c.document))
		r := s.check(thisImage)
		if r.OK() || len(r.Verdicts) != 0 {
			t.Errorf("%s: %v", name, r.Verdicts)
		}
		matches(t, name, s.text(r), "bundle 2 +WRONG +"+c.says)
		if _, err := Evidence(someImage(t), []byte(c.document)); err == nil {
			t.Errorf("%s: a statement is made of it", name)
		}
	}
}

func TestCheckRefusesWhatTheGateRefused(t *testing.T) {
	t.Parallel()
	s, _ := fullSet(t, 0.8)
	r := s.check(thisImage)
	if r.OK() || !slices.Equal(r.Verdicts, []gate.Word{gate.Regressed}) {
		t.Error(r.OK(), r.Verdicts)
	}
	matches(t, "refused", s.text(r), "bundle 2 +ok ", "verdict +WRONG +REGRESSED: slower: moe/pp512 -20")
}

func TestWaivers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waive func(s *set, evidence []byte)
		ok    bool
		says  []string
	}{
		"by cell": {func(s *set, e []byte) { s.waive("5", regressed(), e) }, true,
			[]string{"bundle 5 +ok +waiver, signed with key MINE; by a maintainer, until 2026-08-01: prompt speed", "verdict +ok +REGRESSED, waived by a maintainer until 2026-08-01: prompt speed traded"}},
		"by verdict": {func(s *set, e []byte) {
			w := regressed()
			w.Waives = []string{"REGRESSED"}
			s.waive("5", w, e)
		}, true, []string{"verdict +ok +REGRESSED, waived"}},
		"ended": {func(s *set, e []byte) {
			w := regressed()
			w.Until = "2026-07-31"
			s.waive("5", w, e)
		}, false, []string{"verdict +WRONG +REGRESSED", "bundle 5 +WRONG +the waiver does not help: it ended on 2026-07-31"}},
		"ended, and a newer one": {func(s *set, e []byte) {
			w := regressed()
			w.Until = "2026-07-31"
			s.waive("5", w, e)
			s.waive("6", regressed(), e)
		}, true, []string{"bundle 5 +ok +the waiver counts for nothing, and is not needed: it ended", "verdict +ok +REGRESSED, waived"}},
		"of other evidence": {func(s *set, _ []byte) { s.waive("5", regressed(), evidenceOf(s.t, thisImage, 0.7)) }, false,
			[]string{"bundle 5 +WRONG +the waiver does not help: it waives the evidence sha256:.*; the one here is sha256:"}},
		"about another image": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", "aaaaaaaaaaaa", "bbbbbbbbbbbb")
		}, false, []string{"bundle 5 +WRONG +waiver, about another image", "verdict +WRONG +REGRESSED"}},
		"signed by another": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.keys["5"] = newKey(s.t)
		}, false, []string{"bundle 5 +WRONG +signed with another key", "verdict +WRONG +REGRESSED"}},
		"another cell": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", `"moe/pp512"`, `"moe/tg128"`)
		}, false, []string{"bundle 5 +WRONG +the waiver does not help: it does not waive moe/pp512"}},
		"no cell at all": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", `"moe/pp512"`, `"dense/pp512"`)
		}, false, []string{`does not help: it waives "dense/pp512", which is neither the verdict`}},
		"without a reason": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", "prompt speed traded for stability", " ")
		}, false, []string{"bundle 5 +WRONG +waiver: a waiver needs a reason"}},
		"two reasons": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", `{"reason"`, `{"REASON":"x","reason"`)
		}, false, []string{`bundle 5 +WRONG +waiver: no waiver: key "reason" is there twice`}},
		"for ever": {func(s *set, e []byte) {
			s.waive("5", regressed(), e)
			s.edit("5", until, "never")
		}, false, []string{`bundle 5 +WRONG +waiver: a waiver ends on a day such as 2026-12-31, not "never"`}},
	} {
		s, evidence := fullSet(t, 0.8)
		c.waive(s, evidence)
		r := s.check(thisImage)
		if r.OK() != c.ok || r.Waived != c.ok {
			t.Errorf("%s: holds %t, waived %t", name, r.OK(), r.Waived)
		}
		matches(t, name, s.text(r), c.says...)
	}
}

func TestWaiveRefuses(t *testing.T) {
	t.Parallel()
	slow, good := evidenceOf(t, thisImage, 0.8), evidenceOf(t, thisImage, 1)
	with := func(edit func(*Waiver)) Waiver {
		w := regressed()
		edit(&w)
		return w
	}
	for says, c := range map[string]struct {
		w        Waiver
		evidence []byte
	}{
		"PASS cannot be waived":                    {regressed(), good},
		"a waiver needs a reason":                  {with(func(w *Waiver) { w.Reason = "" }), slow},
		"a waiver needs to say who waives":         {with(func(w *Waiver) { w.Who = "" }), slow},
		"one line without control characters":      {with(func(w *Waiver) { w.Reason = "x\nverdict  ok  PASS" }), slow},
		"who waives is one line":                   {with(func(w *Waiver) { w.Who = "Ada\x1b[2K" }), slow},
		"a waiver needs a verdict or cells":        {with(func(w *Waiver) { w.Waives = nil }), slow},
		"not \"31.12.2026\"":                       {with(func(w *Waiver) { w.Until = "31.12.2026" }), slow},
		"it waives \"MIXED\", which is neither":    {with(func(w *Waiver) { w.Waives = []string{"MIXED"} }), slow},
		"the evidence is of another image: sha256": {regressed(), evidenceOf(t, another, 0.8)},
	} {
		if _, err := Waive(someImage(t), c.w, c.evidence); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
}

// TestEvidenceKeepsTheDocument: a reader has the gate's own file again, to the byte.
func TestEvidenceKeepsTheDocument(t *testing.T) {
	t.Parallel()
	document := evidenceOf(t, thisImage, 1)
	s, err := ReadStatement(must(t)(Evidence(someImage(t), document)))
	if err != nil {
		t.Fatal(err)
	}
	var p evidenceJSON
	if err := json.Unmarshal(s.Predicate, &p); err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if err := json.Indent(&back, p.Evidence, "", " "); err != nil {
		t.Fatal(err)
	}
	if got := back.String() + "\n"; got != string(document) {
		t.Error("the document is another one")
	}
	tight, err := documentDigest(p.Evidence)
	whole, err2 := documentDigest(document)
	if err != nil || err2 != nil || tight != whole || tight.Encoded() != p.Digest["sha256"] {
		t.Error(tight, whole, p.Digest, err, err2)
	}
}

// TestSignatureIsCosigns has the statement that cosign 3 makes of an image, without spaces.
func TestSignatureIsCosigns(t *testing.T) {
	t.Parallel()
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + thisImage[7:] + `"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`
	if got := string(must(t)(Signature(someImage(t)))); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestUnder: an image belongs to the channels that it was made for, and a tag that never moves to one of the times when it was.
func TestUnder(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }
	fixed := func(key, date string) tag.Tag {
		return tag.Tag{Kind: tag.Fixed, Recipe: "rocm", Build: 9880, Commit: "898b088", Key: key, Date: date}
	}
	for name, c := range map[string]struct {
		tag  tag.Tag
		want string
	}{
		"its channel":        {tag.Moving("rocm", tag.Channel), ""},
		"its candidate":      {tag.Moving("rocm", tag.Candidate), ""},
		"another's":          {tag.Moving("vulkan", tag.Channel), "the image was made for rocm, and not for vulkan"},
		"the first time":     {fixed("aaaaaaa", "20261101"), ""},
		"the second time":    {fixed("bbbbbbb", "20261105"), ""},
		"a day of the other": {fixed("aaaaaaa", "20261105"), "the image was built on 2026-11-05 with key bbbbbbb, on 2026-11-01 with key aaaaaaa, and the tag says otherwise"},
	} {
		r := &Report{Channels: []string{"rocm"}, Made: []Made{{day(5), "bbbbbbbb"}, {day(1), "aaaaaaaa"}}}
		r.Under(c.tag)
		got := ""
		for _, row := range r.Rows {
			if !row.OK {
				got = row.Why
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if first, last := r.Built(); first != day(1) || last != day(5) {
			t.Error(first, last)
		}
	}
	for _, c := range []struct {
		asked map[string]any
		want  string
	}{
		{map[string]any{"recipe": "rocm", "channels": []any{"rocm", "rocm-x"}}, "rocm rocm-x"},
		{map[string]any{"recipe": "rocm", "track": "stable"}, "rocm"},
		{map[string]any{"recipe": "rocm", "track": "seed"}, "rocm-seed"},
		{map[string]any{}, ""},
	} {
		if got := strings.Join(channelsOf(c.asked), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.asked, got, c.want)
		}
	}
}
