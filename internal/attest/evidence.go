package attest

import (
	"bytes"
	"encoding/json"
	"fmt"

	digest "github.com/opencontainers/go-digest"

	"strix-build/internal/gate"
)

// evidenceJSON is the predicate: the gate's document, and its digest in the form in which the gate writes it.
type evidenceJSON struct {
	Digest   map[string]string `json:"digest"`
	Evidence json.RawMessage   `json:"evidence"`
}

// Evidence is the statement with what a gate saw of img. The document is the gate's, finished and about this image, and its
// verdict is what it shows.
func Evidence(img *Image, document []byte) ([]byte, error) {
	e, err := gate.Read(document)
	if err != nil {
		return nil, err
	}
	if err := about(e, img.Digest); err != nil {
		return nil, err
	}
	if _, err := judged(e); err != nil {
		return nil, err
	}
	sum, err := documentDigest(document)
	if err != nil {
		return nil, err
	}
	return newStatement(img, TypeEvidence, evidenceJSON{map[string]string{"sha256": sum.Encoded()}, document})
}

// about reports evidence that is of something else than the image.
func about(e *gate.Evidence, image string) error {
	switch e.Candidate.Digest {
	case image:
		return nil
	case "":
		return fmt.Errorf("the evidence is of %q, a folder of programs, not of an image", e.Candidate.Name)
	}
	return fmt.Errorf("the evidence is of another image: %s, not %s", e.Candidate.Digest, image)
}

// judged is the verdict of evidence that says it, and says it rightly.
func judged(e *gate.Evidence) (gate.Verdict, error) {
	if e.Verdict == nil {
		return gate.Verdict{}, fmt.Errorf("the evidence has no verdict: the gate is not finished")
	}
	return gate.Again(e)
}

// documentDigest is the digest of evidence in the form in which the gate writes it: a space of indentation a level, and a line
// break at the end. So it is that of the gate's own file, whatever became of the spaces since.
func documentDigest(document []byte) (digest.Digest, error) {
	tight, err := json.Marshal(json.RawMessage(document)) // as it is in a statement
	if err != nil {
		return "", fmt.Errorf("no evidence: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, tight, "", " "); err != nil {
		return "", fmt.Errorf("no evidence: %w", err)
	}
	out.WriteByte('\n')
	return digest.FromBytes(out.Bytes()), nil
}

// Document is the gate's document in a statement of [TypeEvidence].
func Document(s *Statement) (*gate.Evidence, error) {
	e, _, err := gateDocument(s.Predicate)
	return e, err
}

// gateDocument reads the predicate of evidence.
func gateDocument(predicate []byte) (*gate.Evidence, digest.Digest, error) {
	if err := gate.KeysOnce(predicate); err != nil {
		return nil, "", err
	}
	var p evidenceJSON
	if err := json.Unmarshal(predicate, &p); err != nil {
		return nil, "", err
	}
	sum, err := documentDigest(p.Evidence)
	if err != nil {
		return nil, "", err
	}
	if said := p.Digest["sha256"]; said != sum.Encoded() {
		return nil, "", fmt.Errorf("the document in it has digest %s; it says sha256:%s", sum, said)
	}
	e, err := gate.Read(p.Evidence)
	return e, sum, err
}
