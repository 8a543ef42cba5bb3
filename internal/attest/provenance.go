package attest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"strix-build/internal/graph"
)

const (
	// BuildType names how parameters and materials are to be read: docs/verifying.md says it.
	BuildType = "https://strix-build.dev/recipe/v1"
	// BuilderID is a machine of whoever signs: no build service vouches for it.
	BuilderID = "https://strix-build.dev/builder/local/v1"
)

// External parameters that are read again.
const (
	paramRecipe   = "recipe"
	paramTrack    = "track"
	paramChannels = "channels"
)

// Provenance is the statement about what img was made from: SLSA's, v1. It needs the record of the build.
func Provenance(img *Image) ([]byte, error) {
	if img.Built == nil {
		return nil, errors.New("provenance: there is no record of the build; only who built an image can say how")
	}
	record, err := img.record()
	if err != nil {
		return nil, err
	}
	external, err := structpb.NewStruct(img.asked())
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	internal, err := structpb.NewStruct(map[string]any{"key": img.Built.Key, "inputs": anyMap(img.Built.Inputs)})
	if err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	p := &slsa.Provenance{
		BuildDefinition: &slsa.BuildDefinition{BuildType: BuildType, ExternalParameters: external, InternalParameters: internal,
			ResolvedDependencies: img.materials(record)},
		RunDetails: &slsa.RunDetails{Builder: img.builder(), Metadata: img.metadata()},
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("provenance: %w", err)
	}
	return newStatement(img, TypeProvenance, p)
}

// asked is what whoever asked for the image decided. Of builds whose asking was not written down it is the recipe alone.
func (img *Image) asked() map[string]any {
	out := map[string]any{paramRecipe: img.Labels[graph.LabelRecipe]}
	if len(img.Built.Channels) > 0 {
		out[paramChannels] = anyList(img.Built.Channels)
	}
	h := img.Built.How
	if h == nil {
		return out
	}
	out[paramTrack], out["set"], out["waive"] = h.Track, anyList(h.Set), anyList(h.Waive)
	if h.Base != "" {
		out["base"] = h.Base
	}
	return out
}

func (img *Image) builder() *slsa.Builder {
	b := &slsa.Builder{Id: BuilderID}
	if h := img.Built.How; h != nil {
		b.Version = map[string]string{"strix-build": h.Tool, "BuildKit": h.BuildKit}
	}
	return b
}

func (img *Image) metadata() *slsa.BuildMetadata {
	m := &slsa.BuildMetadata{FinishedOn: timestamppb.New(img.Built.Finished)}
	if h := img.Built.How; h != nil {
		m.StartedOn = timestamppb.New(h.Started)
	}
	return m
}

// materials are what went in and has a digest, in this order: llama.cpp, patches, the base, parts, our own steps, the project's files.
func (img *Image) materials(record *graph.Record) []*intoto.ResourceDescriptor {
	in := img.Built.Inputs
	var out []*intoto.ResourceDescriptor
	if commit := in["llama.cpp commit"]; commit != "" {
		out = append(out, &intoto.ResourceDescriptor{Name: "llama.cpp", Uri: gitURI(in["llama.cpp source"], commit), Digest: map[string]string{"gitCommit": commit},
			Annotations: notes("build", in["llama.cpp build"])})
	}
	tree, dirty, _ := strings.Cut(in["source tree"], " ")
	out = append(out, material("llama.cpp, exported tree", tree, "changed", strings.Trim(dirty, "()")))
	if record != nil {
		for _, p := range record.Patches {
			out = append(out, material("patch "+p.Name, "sha256:"+p.SHA256, "state", p.State, "origin", img.origin(p).words()))
		}
	}
	out = append(out, img.base())
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if part, ok := strings.CutPrefix(name, "part "); ok {
			out = append(out, partMaterial(part, in[name]))
		}
	}
	out = append(out, material("strix-build's steps", in["strix-build steps"]))
	if h := img.Built.How; h != nil {
		for _, name := range slices.Sorted(maps.Keys(h.Files)) {
			out = append(out, material(name, "sha256:"+h.Files[name]))
		}
	}
	return slices.DeleteFunc(out, func(m *intoto.ResourceDescriptor) bool { return m == nil })
}

// material is something with a sha256 digest; nil: it has none. What follows are annotations, name and text in turn.
func material(name, digest string, annotations ...string) *intoto.ResourceDescriptor {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok {
		return nil
	}
	return &intoto.ResourceDescriptor{Name: name, Digest: map[string]string{"sha256": hex}, Annotations: notes(annotations...)}
}

// base is the root file system below the packages: an image of a registry, or what debootstrap made here.
func (img *Image) base() *intoto.ResourceDescriptor {
	base := img.Labels[graph.LabelBase]
	if suite, ok := strings.CutPrefix(base, "bootstrap "); ok {
		suite, digest, _ := strings.Cut(suite, " ")
		return material("base, made by debootstrap", digest, "suite", suite)
	}
	name, digest, ok := strings.Cut(base, "@")
	if !ok {
		return nil
	}
	m := material("base", digest)
	if m != nil {
		m.Uri = ociPURL(name, digest)
	}
	return m
}

// partMaterial reads what graph.Inputs says of a part: "COMMIT FOLDER at PLACE, DIGEST".
func partMaterial(name, text string) *intoto.ResourceDescriptor {
	where, digest, _ := strings.Cut(text, ", ")
	commit, folder, _ := strings.Cut(where, " ")
	folder, _, _ = strings.Cut(folder, " at ")
	return &intoto.ResourceDescriptor{Name: "part " + name, Digest: map[string]string{"gitCommit": commit},
		Annotations: notes("folder", folder, "exported tree", digest)}
}

// notes are annotations, name and text in turn; those without a text are left out.
func notes(pairs ...string) *structpb.Struct {
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out.Fields[pairs[i]] = structpb.NewStringValue(pairs[i+1])
		}
	}
	if len(out.Fields) == 0 {
		return nil
	}
	return out
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
