package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/patch"
)

// Labels and annotations of our own; the rest are OCI's and the engines'.
const (
	labelPrefix  = "strix-build."
	LabelRecipe  = labelPrefix + "recipe"
	LabelBuild   = labelPrefix + "build"
	LabelPatches = labelPrefix + "patches"
	LabelDirty   = labelPrefix + "source.dirty"
	LabelBase    = labelPrefix + "base"
	LabelWaived  = labelPrefix + "waived"    // advisories that were set aside, sorted, with commas between
	LabelKeep    = labelPrefix + "keep-gpus" // whose kernels the distribution's libraries keep, with commas between; empty: all
	LabelTarget  = labelPrefix + "target"    // GPU; absent where the backend compiles for none
	// What a run needs of the machine, with commas between.
	LabelDevices  = labelPrefix + "run.devices"
	LabelGroups   = labelPrefix + "run.groups"
	LabelSecurity = labelPrefix + "run.security"
)

// Patch states as they appear in records and labels.
const (
	StateApplied  = "applied"
	StateUpstream = "already-upstream"
)

// PatchRecord is a patch that an image was built with.
type PatchRecord struct {
	Name   string `json:"name"`   // with its patch set: mmq-gfx1151/0001-tiles.patch
	SHA256 string `json:"sha256"` // of its normalised diff
	State  string `json:"state"`
}

func (b *builder) patchRecords() []PatchRecord {
	out := []PatchRecord{}
	for _, f := range b.in.Patches {
		state := StateApplied
		if b.in.Applied[f.Name] {
			state = StateUpstream
		}
		out = append(out, PatchRecord{f.Name, patch.Digest([]patch.File{f}), state})
	}
	return out
}

func (b *builder) config() ocispecs.Image {
	created := b.in.Source.Time.UTC()
	img := ocispecs.Image{Created: &created}
	img.OS, img.Architecture = "linux", "amd64"
	img.Config.WorkingDir = "/"
	img.Config.Cmd = []string{"/bin/bash"}
	img.Config.Env = b.envList()
	img.Config.Labels = b.labels()
	return img
}

func (b *builder) envList() []string {
	out := []string{"PATH=" + defaultPath, "LC_ALL=C.UTF-8"}
	for _, k := range sortedKeys(b.in.Choices.Env) {
		out = append(out, k+"="+b.in.Choices.Env[k].Value)
	}
	return out
}

// labels tell engines (toolbox, distrobox) what the image is and people how to run it.
func (b *builder) labels() map[string]string {
	run := b.in.Container.RunOptions
	l := map[string]string{
		"com.github.containers.toolbox": "true",
		LabelRecipe:                     b.in.Recipe.Name.Value,
		LabelBuild:                      b.in.Source.Build.String(),
		LabelPatches:                    b.patchLabel(),
		LabelBase:                       b.baseLabel(),
		LabelWaived:                     strings.Join(b.in.Choices.Waived, ","),
		LabelTarget:                     b.in.Recipe.Target.Value,
		LabelDevices:                    strings.Join(values(run.Devices), ","),
		LabelGroups:                     strings.Join(values(run.Groups), ","),
		LabelSecurity:                   strings.Join(values(run.Security), ","),
		LabelKeep:                       strings.Join(b.keepGPUs(), ","),
	}
	if b.in.Source.Dirty {
		l[LabelDirty] = "true"
	}
	for k, v := range b.annotations() {
		l[k] = v
	}
	for k, v := range l {
		if v == "" {
			delete(l, k)
		}
	}
	return l
}

func (b *builder) baseLabel() string {
	if b.in.Base.Layout != "" {
		return "bootstrap " + b.in.Container.Base.Bootstrap.Suite.Value + " " + b.in.Base.Layout
	}
	return b.in.Base.Image
}

func (b *builder) patchLabel() string {
	var parts []string
	for _, r := range b.patchRecords() {
		parts = append(parts, fmt.Sprintf("%s@sha256:%s=%s", r.Name, r.SHA256, r.State))
	}
	return strings.Join(parts, " ")
}

// annotations are the OCI keys that registries and people read without knowing us.
func (b *builder) annotations() map[string]string {
	return map[string]string{
		ocispecs.AnnotationTitle:       b.in.Recipe.Image.Repository.Value + " " + b.in.Recipe.Name.Value,
		ocispecs.AnnotationDescription: b.in.Recipe.Description.Value,
		ocispecs.AnnotationSource:      b.in.Source.URL,
		ocispecs.AnnotationRevision:    b.in.Source.Commit,
		ocispecs.AnnotationVersion:     b.in.Source.Build.String(),
		ocispecs.AnnotationCreated:     b.in.Source.Time.UTC().Format(time.RFC3339),
		ocispecs.AnnotationLicenses:    "MIT",
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
