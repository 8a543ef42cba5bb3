package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/graph"
)

// namespace is what the name of an image's SBOM begins with; the image's digest ends it, so that one image has one name.
const namespace = "https://strix-build.dev/spdx/"

// nothing is SPDX's word for: nobody looked, or it is not known.
const nothing = "NOASSERTION"

// SBOM is the statement with what is in img, in SPDX 2.3: the distribution's packages, llama.cpp and its patches. Equal images
// give equal documents. What it does not list, it says in its comment.
func SBOM(img *Image) ([]byte, error) {
	doc, err := document(img)
	if err != nil {
		return nil, fmt.Errorf("sbom: %w", err)
	}
	var out bytes.Buffer
	if err := spdxjson.Write(doc, &out); err != nil {
		return nil, fmt.Errorf("sbom: %w", err)
	}
	return newStatement(img, TypeSBOM, json.RawMessage(out.Bytes()))
}

// bill is an SPDX document that is being written.
type bill struct {
	img   *Image
	doc   *spdx.Document
	image common.ElementID // the package that is the image
	left  []string         // what the document does not list
}

func document(img *Image) (*spdx.Document, error) {
	record, err := img.record()
	if err != nil {
		return nil, err
	}
	_, hex, _ := strings.Cut(img.Digest, ":")
	b := &bill{img: img, image: "Image", doc: &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: img.Name, DocumentNamespace: namespace + hex,
		CreationInfo: &spdx.CreationInfo{Created: img.created().UTC().Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "strix-build"}}},
	}}
	b.add(&spdx.Package{PackageName: img.Name, PackageSPDXIdentifier: b.image, PackageVersion: img.Digest, PrimaryPackagePurpose: "CONTAINER",
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: hex}}, PackageDownloadLocation: nothing})
	b.relate("DOCUMENT", common.TypeRelationshipDescribe, b.image)
	if err := b.distribution(); err != nil {
		return nil, err
	}
	b.llama(record)
	b.doc.DocumentComment = strings.Join(b.left, " ")
	return b.doc, nil
}

// created is when the image says it was made: the time of llama.cpp's commit, not that of the build.
func (img *Image) created() time.Time {
	if at, err := time.Parse(time.RFC3339, img.Labels[ocispecs.AnnotationCreated]); err == nil {
		return at
	}
	return img.Created
}

// add puts a package into the document. Nobody looked at its files or concluded a license.
func (b *bill) add(p *spdx.Package) common.ElementID {
	for _, text := range []*string{&p.PackageDownloadLocation, &p.PackageLicenseConcluded, &p.PackageLicenseDeclared, &p.PackageCopyrightText} {
		if *text == "" {
			*text = nothing
		}
	}
	b.doc.Packages = append(b.doc.Packages, p)
	return p.PackageSPDXIdentifier
}

func (b *bill) relate(from common.ElementID, how string, to common.ElementID) {
	b.doc.Relationships = append(b.doc.Relationships, &spdx.Relationship{RefA: common.MakeDocElementID("", string(from)),
		RefB: common.MakeDocElementID("", string(to)), Relationship: how})
}

// llama lists llama.cpp, and what was done to it.
func (b *bill) llama(r *graph.Record) {
	if r == nil {
		b.left = append(b.left, "The image does not say which llama.cpp is in it ("+graph.BuildRecord+" is missing): it is not listed.")
		return
	}
	source := b.img.Labels[ocispecs.AnnotationSource]
	p := &spdx.Package{PackageName: "llama.cpp", PackageSPDXIdentifier: "Package-llama.cpp", PackageVersion: b.img.Labels[graph.LabelBuild],
		PackageDownloadLocation: gitURI(source, r.Commit), PackageLicenseDeclared: "MIT", PrimaryPackagePurpose: "APPLICATION",
		PackageExternalReferences: purl(sourcePURL(source, r.Commit))}
	if r.Dirty {
		p.PackageComment = "The tree had changes that are in no commit; the provenance has its digest."
	}
	id := b.add(p)
	b.relate(b.image, common.TypeRelationshipContains, id)
	b.patches(r.Patches, id)
	b.left = append(b.left, "Not listed: what llama.cpp has in its own tree (vendor/), and what npm put into the server's page.")
	if gpus := b.img.Labels[graph.LabelKeep]; gpus != "" {
		b.left = append(b.left, fmt.Sprintf("Of the distribution's GPU libraries the image has the kernels for %s alone: "+
			"their files are not the packages' (%s in it has the digests).", gpus, graph.CutReport))
	}
	if stubs := strings.TrimSpace(string(b.img.Files[graph.StubReport[1:]])); stubs != "" {
		b.left = append(b.left, fmt.Sprintf("Stubs stand for libraries of packages (%s).", strings.ReplaceAll(stubs, "\n", "; ")))
	}
}

// patches lists a package for each set and each patch of it.
func (b *bill) patches(list []graph.PatchRecord, llama common.ElementID) {
	sets := map[string]common.ElementID{}
	for _, r := range list {
		name, file, _ := strings.Cut(r.Name, "/")
		o := b.img.origin(r)
		if _, ok := sets[name]; !ok {
			set := &spdx.Package{PackageName: name, PackageSPDXIdentifier: identifier("PatchSet", name), PrimaryPackagePurpose: "SOURCE"}
			if o != nil {
				set.PackageSummary, set.PackageComment = o.Title, "class: "+o.Class
			}
			sets[name] = b.add(set)
			b.relate(sets[name], common.TypeRelationshipPatchFor, llama)
		}
		p := &spdx.Package{PackageName: file, PackageSPDXIdentifier: identifier("Patch", r.Name), PrimaryPackagePurpose: "SOURCE",
			PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: r.SHA256}}, PackageComment: "state: " + r.State,
			PackageDownloadLocation: o.uri(b.img.Labels[ocispecs.AnnotationSource]), PackageSourceInfo: o.words()}
		if o == nil {
			p.PackageSourceInfo = "its origin is not known to who wrote this document"
		}
		id := b.add(p)
		b.relate(sets[name], common.TypeRelationshipContains, id)
		b.relate(id, common.TypeRelationshipPatchFor, llama)
		if r.State == graph.StateApplied {
			b.relate(id, common.TypeRelationshipPatchApplied, llama)
		}
	}
}

func purl(text string) []*spdx.PackageExternalReference {
	return []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: text}}
}

// notInIdentifiers is what SPDX identifiers may not have.
var notInIdentifiers = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// identifier is an SPDX identifier of a kind of things. "+" is told from "-", because distributions have libstdc++ and libstdc.
func identifier(kind string, names ...string) common.ElementID {
	name := strings.ReplaceAll(strings.Join(names, "-"), "+", ".plus.")
	return common.ElementID(kind + "-" + notInIdentifiers.ReplaceAllString(name, "-"))
}

// readSBOM reads the document of a statement.
func readSBOM(predicate []byte) (*spdx.Document, error) {
	var doc spdx.Document
	if err := spdxjson.ReadInto(bytes.NewReader(predicate), &doc); err != nil {
		return nil, fmt.Errorf("no SPDX document: %w", err)
	}
	return &doc, nil
}

// describes reports a document that is of another image.
func describes(doc *spdx.Document, digest string) error {
	_, hex, _ := strings.Cut(digest, ":")
	i := slices.IndexFunc(doc.Packages, func(p *spdx.Package) bool { return p.PrimaryPackagePurpose == "CONTAINER" })
	if i < 0 {
		return fmt.Errorf("the document describes no image")
	}
	for _, c := range doc.Packages[i].PackageChecksums {
		if c.Algorithm == common.SHA256 && c.Value == hex {
			return nil
		}
	}
	return fmt.Errorf("the document describes another image: %s", doc.Packages[i].PackageVersion)
}
