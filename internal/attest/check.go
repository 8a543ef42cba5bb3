package attest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/encoding/protojson"

	"strix-build/internal/gate"
	"strix-build/internal/sign"
)

// Bundle is a signed statement, and what its reader calls it.
type Bundle struct {
	Name string // such as the digest or the file that it came from
	Data []byte
}

// Rows of a report, by what they are about. Those of one bundle begin with its name.
const (
	rowSignature  = "signature"
	rowProvenance = "provenance"
	rowSBOM       = "SBOM"
	rowEvidence   = "evidence"
	rowVerdict    = "verdict"
)

// needed are the statements that an image must have, by type.
var needed = []struct{ typ, row string }{
	{TypeSignature, rowSignature}, {TypeEvidence, rowEvidence}, {TypeProvenance, rowProvenance}, {TypeSBOM, rowSBOM},
}

// Check looks at all that is attached to the image with that digest: who signed what, is it about this image, is the gate's
// verdict what its evidence shows, and does a waiver stand where it is a refusal. It uses nothing but its arguments.
//
// A statement that none of who signed counts for nothing, and makes the report one of failure: who reads it should know
// that something else is attached.
func Check(image string, bundles []Bundle, who sign.Trust, now time.Time) *Report {
	c := &checker{image: image, now: now, seen: map[string]int{}, report: &Report{Digest: image, Signers: []string{}, Verdicts: []gate.Word{}, Channels: []string{}, Made: []Made{}}}
	for _, b := range bundles {
		c.bundle(b, who)
	}
	for _, n := range needed {
		if c.seen[n.typ] == 0 {
			c.fail(n.row, "there is none that counts")
		}
	}
	c.verdict()
	return c.report
}

// checker is a check on its way.
type checker struct {
	image   string
	now     time.Time
	report  *Report
	seen    map[string]int // statements that count, by type
	gates   []gated
	waivers []waiver
}

// gated is what the evidence of a statement shows.
type gated struct {
	digest   digest.Digest
	verdict  gate.Verdict
	evidence *gate.Evidence
}

type waiver struct {
	name string
	*Waiver
}

func (c *checker) ok(row, format string, args ...any) {
	c.report.Rows = append(c.report.Rows, Row{row, true, fmt.Sprintf(format, args...)})
}

func (c *checker) fail(row, format string, args ...any) {
	c.report.Rows = append(c.report.Rows, Row{row, false, fmt.Sprintf(format, args...)})
}

// bundle checks one signed statement.
func (c *checker) bundle(b Bundle, who sign.Trust) {
	signed, err := who.Verify(b.Data)
	if err != nil {
		c.fail(b.Name, "%v", err)
		return
	}
	s, err := ReadStatement(signed.Statement)
	if err != nil {
		c.fail(b.Name, "%v", err)
		return
	}
	if s.Digest != c.image {
		c.fail(b.Name, "%s, about another image: %s", kindOf(s.Type), s.Digest)
		return
	}
	said, err := c.statement(b.Name, s)
	if err != nil {
		c.fail(b.Name, "%s: %v", kindOf(s.Type), err)
		return
	}
	c.seen[s.Type]++
	if id := signed.By.ID(); !slices.Contains(c.report.Signers, id) {
		c.report.Signers = append(c.report.Signers, id)
	}
	c.ok(b.Name, "%s, signed %s%s", kindOf(s.Type), strings.Replace(signed.Who(), signed.By.ID(), short(signed.By.ID()), 1), said)
}

// short is a key's name as rows have it; the report has it in full, once.
func short(id string) string { return id[:min(len(id), len("sha256:")+12)] } //nolint:mnd // as digests are shown

// statement checks what a statement about this image says, and returns what is to be said of it.
func (c *checker) statement(name string, s *Statement) (string, error) {
	switch s.Type {
	case TypeSignature:
		return "", nil
	case TypeProvenance:
		return c.provenance(s.Predicate)
	case TypeSBOM:
		doc, err := readSBOM(s.Predicate)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("; %d packages", len(doc.Packages)), describes(doc, c.image)
	case TypeEvidence:
		return c.evidence(s.Predicate)
	case TypeWaiver:
		w, err := readWaiver(s.Predicate)
		if err != nil {
			return "", err
		}
		c.waivers = append(c.waivers, waiver{name, w})
		return fmt.Sprintf("; by %s, until %s: %s", w.Who, w.Until, w.Reason), nil
	}
	return "; what it says was not checked", nil
}

// provenance notes for which channels the image was made.
func (c *checker) provenance(predicate []byte) (string, error) {
	var p slsa.Provenance
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(predicate, &p); err != nil {
		return "", errors.New(strings.ReplaceAll(err.Error(), "\u00a0", " "))
	}
	if err := p.Validate(); err != nil {
		return "", err
	}
	for _, name := range channelsOf(p.GetBuildDefinition().GetExternalParameters().AsMap()) {
		if !slices.Contains(c.report.Channels, name) {
			c.report.Channels = append(c.report.Channels, name)
		}
	}
	made := Made{Key: strings.TrimPrefix(p.GetBuildDefinition().GetInternalParameters().GetFields()["key"].GetStringValue(), "sha256:")}
	said := ""
	if at := p.GetRunDetails().GetMetadata().GetFinishedOn(); at.IsValid() && at.GetSeconds() != 0 {
		made.Built = at.AsTime()
		said = "; built " + made.Built.Format(time.DateOnly)
	}
	c.report.Made = append(c.report.Made, made)
	return said, nil
}

// mainTrack is the one whose channels have no suffix.
const mainTrack = "stable"

// channelsOf are the channels that parameters of a build name. Those of before they were written down name the recipe, and perhaps a track, after which
// channels are named where a recipe does not say otherwise.
func channelsOf(asked map[string]any) []string {
	var out []string
	if list, ok := asked[paramChannels].([]any); ok {
		for _, one := range list {
			if name, ok := one.(string); ok {
				out = append(out, name)
			}
		}
		return out
	}
	recipe, _ := asked[paramRecipe].(string)
	if recipe == "" {
		return nil
	}
	if track, _ := asked[paramTrack].(string); track != "" && track != mainTrack {
		return []string{recipe + "-" + track}
	}
	return []string{recipe}
}

// evidence computes a gate's verdict again.
func (c *checker) evidence(predicate []byte) (string, error) {
	e, sum, err := gateDocument(predicate)
	if err != nil {
		return "", err
	}
	if err := about(e, c.image); err != nil {
		return "", err
	}
	v, err := judged(e)
	if err != nil {
		return "", err
	}
	c.gates = append(c.gates, gated{sum, v, e})
	return fmt.Sprintf("; %s, computed again, against policy %s", v.Word, e.Policy.Name), nil
}

// verdict says what all gates and waivers come to: each gate must have passed, or be waived.
func (c *checker) verdict() {
	refused := false
	for _, g := range c.gates {
		word, by := g.verdict.Word, c.waiverFor(g)
		c.report.Verdicts = append(c.report.Verdicts, word)
		c.report.Gates = append(c.report.Gates, Gate{g.evidence, word, by != nil})
		switch {
		case word == gate.Pass:
			c.ok(rowVerdict, "PASS")
		case by != nil:
			c.report.Waived = true
			c.ok(rowVerdict, "%s, waived by %s until %s: %s", word, by.Who, by.Until, by.Reason)
		case g.verdict.Refused():
			refused = true
			c.fail(rowVerdict, "%s: %s", word, reasons(g.verdict))
		default:
			c.ok(rowVerdict, "%s: %s", word, reasons(g.verdict))
		}
	}
	for _, w := range c.waivers {
		switch err := c.helps(w); {
		case err == nil:
		case refused:
			c.fail(w.name, "the waiver does not help: %v", err)
		default:
			c.ok(w.name, "the waiver counts for nothing, and is not needed: %v", err)
		}
	}
}

// reasons are a verdict's, the first of them where there are many.
func reasons(v gate.Verdict) string {
	const most = 3
	if more := len(v.Reasons) - most; more > 0 {
		return fmt.Sprintf("%s; and %d more in the evidence", strings.Join(v.Reasons[:most], "; "), more)
	}
	return strings.Join(v.Reasons, "; ")
}

// waiverFor is a waiver that stands for what a gate said; nil: there is none.
func (c *checker) waiverFor(g gated) *Waiver {
	for _, w := range c.waivers {
		if w.stands(g, c.now) == nil {
			return w.Waiver
		}
	}
	return nil
}

// helps reports why a waiver stands for nothing.
func (c *checker) helps(w waiver) error {
	var last error
	for _, g := range c.gates {
		if last = w.stands(g, c.now); last == nil {
			return nil
		}
	}
	return last
}

// stands reports why a waiver does not stand for what a gate said.
func (w *waiver) stands(g gated, now time.Time) error {
	if w.Evidence != g.digest.String() {
		return fmt.Errorf("it waives the evidence %s; the one here is %s", w.Evidence, g.digest)
	}
	if err := w.Holds(now); err != nil {
		return err
	}
	return w.covers(g.verdict)
}

// kindOf is what people call a statement.
func kindOf(typ string) string {
	for _, n := range needed {
		if n.typ == typ {
			return n.row
		}
	}
	if typ == TypeWaiver {
		return "waiver"
	}
	return fmt.Sprintf("statement of type %q", typ)
}

// Types are those of the statements that an image must have.
func Types() []string {
	var out []string
	for _, n := range needed {
		out = append(out, n.typ)
	}
	return out
}
