package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"strix-build/internal/build"
	"strix-build/internal/graph"
	"strix-build/internal/program"
	"strix-build/internal/publish"
	"strix-build/internal/runner"
	"strix-build/internal/store"
	"strix-build/internal/version"
)

// subjectFlags say whose programs are proved.
type subjectFlags struct {
	image, bin, build string
	gpu               bool
}

func (o *subjectFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.image, "image", "", "`IMAGE`: of the local store (strix-build images), an OCI layout as DIR or DIR:NAME, or what podman or docker have")
	f.StringVar(&o.bin, "bin", "", "`DIR` with llama-server, e.g. build/bin of llama.cpp's tree")
	f.StringVar(&o.build, "build", "", "build `NUMBER` of the programs (default: the image's label, else what llama-server says)")
	f.BoolVar(&o.gpu, "gpu", false, "give the image the devices that its labels name")
}

func (o *subjectFlags) check() error {
	switch {
	case (o.image == "") == (o.bin == ""):
		return usage("say what to prove: --image or --bin")
	case o.bin != "" && o.gpu:
		return usage("--gpu is for --image; the programs of a folder have what you have")
	}
	return nil
}

// checkBaseline is check for the other side, whose flags have other names.
func (o *subjectFlags) checkBaseline() error {
	if (o.image == "") == (o.bin == "") {
		return usage("say what to compare with: --against or --against-bin")
	}
	return nil
}

// subject is whose programs run, and how.
type subject struct {
	program.Runner
	name   string
	digest string // of an image; "" where only an engine knows it
	recipe string // that the image was built from; "": not known
	// patches are the sets that the image's source was patched with; none are known of a folder.
	patches []string
	build   version.Build // 0: not known yet
	has     func(program string) bool
	close   func()
}

func (a *app) subject(ctx context.Context, o subjectFlags, work, program string) (*subject, error) {
	s, err := a.findSubject(ctx, o, work)
	if err != nil {
		return nil, err
	}
	s.name = o.image + o.bin
	if !s.has(program) {
		s.close()
		return nil, usage("%s has no %s", s.name, program)
	}
	return s, nil
}

func (a *app) findSubject(ctx context.Context, o subjectFlags, work string) (*subject, error) {
	if o.bin != "" {
		dir, err := absolute(o.bin)
		if err != nil {
			return nil, usage("--bin: %v", err)
		}
		f := runner.Folder{Dir: dir}
		return &subject{Runner: f, has: f.Has, close: func() {}}, nil
	}
	img, err := a.findImage(o.image)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return engineSubject(ctx, o.image)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	var gpu *runner.GPU
	if o.gpu {
		gpu = gpuOf(cfg.Config.Labels)
	}
	s, err := a.runImage(ctx, img, cfg.Config.Env, gpu, work)
	if err != nil {
		return nil, err
	}
	return s, s.describe(img, cfg.Config.Labels)
}

// describe takes from an image what it says of itself.
func (s *subject) describe(img store.Image, labels map[string]string) error {
	s.build, _ = version.ParseBuild(labels[graph.LabelBuild]) // without the label, the programs are asked
	s.recipe, s.patches = labels[graph.LabelRecipe], setsOf(labels[graph.LabelPatches])
	digest, err := img.Digest()
	s.digest = digest.String()
	return err
}

// imageSubject is an image whose programs are not run.
func (a *app) imageSubject(_ context.Context, o subjectFlags, _, _ string) (*subject, error) {
	img, err := a.findImage(o.image)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return nil, usage("no image %q in the local store, and no layout of that name", o.image)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	s := &subject{name: o.image, has: func(string) bool { return false }, close: func() {}}
	return s, s.describe(img, cfg.Config.Labels)
}

// setsOf are the sets of a label's patches: SET/FILE@DIGEST=STATE, with spaces between.
func setsOf(label string) []string {
	var out []string
	for _, one := range strings.Fields(label) {
		if set, _, ok := strings.Cut(one, "/"); ok && !slices.Contains(out, set) {
			out = append(out, set)
		}
	}
	return out
}

func gpuOf(labels map[string]string) *runner.GPU {
	list := func(label string) []string {
		return strings.FieldsFunc(labels[label], func(r rune) bool { return r == ',' })
	}
	return &runner.GPU{Devices: list(graph.LabelDevices), Groups: list(graph.LabelGroups), Security: list(graph.LabelSecurity)}
}

// findImage looks in the store and at layouts; nil without an error: neither has it.
func (a *app) findImage(name string) (store.Image, error) {
	s, err := a.images()
	if err != nil {
		return nil, err
	}
	recs, err := s.Records()
	if err != nil {
		return nil, err
	}
	for _, r := range recs {
		if r.Ref == name || r.Name == name || r.Digest == name {
			return s.Image(r)
		}
	}
	dir, tag := name, ""
	if _, err := os.Stat(dir); err != nil {
		dir, tag, _ = strings.Cut(name, ":")
	}
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return nil, nil //nolint:nilnil // an engine may have it
	}
	img, err := store.Layout(dir, tag)
	if err != nil {
		return nil, usage("%v", err)
	}
	return img, nil
}

// runImage unpacks an image for runc, which only root may use; others hand it to podman or docker.
func (a *app) runImage(ctx context.Context, img store.Image, env []string, gpu *runner.GPU, work string) (*subject, error) {
	if os.Geteuid() != 0 || !installed("runc", "unshare") {
		return loadImage(ctx, img, gpu)
	}
	state, err := a.images()
	if err != nil {
		return nil, err
	}
	root, drop, err := state.Scratch(ctx) // big, and swept up where we are killed
	if err != nil {
		return nil, err
	}
	err = a.step("unpack the image", func(io.Writer) error { return store.Unpack(ctx, img, root) })
	if err != nil {
		drop()
		return nil, err
	}
	t := &runner.Tree{Root: root, Work: work, Env: env, GPU: gpu}
	return &subject{Runner: t, has: t.Has, close: drop}, nil
}

func installed(programs ...string) bool {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return false
		}
	}
	return true
}

// loadedAs is the engine's name for an image of ours; two of them are run in turn.
const loadedAs = "localhost/strix-build/run:"

func loadImage(ctx context.Context, img store.Image, gpu *runner.GPU) (*subject, error) {
	engine, err := findEngine()
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	name := loadedAs + digest.Hex[:12]
	if err := publish.Load(ctx, engine, name, img); err != nil {
		return nil, fmt.Errorf("load into %s: %w", engine, err)
	}
	e := &runner.Engine{Program: engine, Image: name, GPU: gpu}
	return &subject{Runner: e, has: func(p string) bool { return e.Has(ctx, p) }, close: func() {}}, nil
}

func findEngine() (string, error) {
	for _, e := range []string{"podman", "docker"} {
		if installed(e) {
			return e, nil
		}
	}
	return "", &build.HintError{Err: errors.New("nothing here runs an image"),
		Hint: "run it as root with runc and unshare, or install podman or docker"}
}

// engineSubject is an image that only podman or docker can know.
func engineSubject(ctx context.Context, ref string) (*subject, error) {
	engine, err := findEngine()
	if err != nil {
		return nil, &build.HintError{Err: usage("no image %q in the local store, and no layout of that name", ref),
			Hint: `"strix-build images" lists the store; other images need podman or docker`}
	}
	if out, err := exec.CommandContext(ctx, engine, "image", "inspect", ref).CombinedOutput(); err != nil {
		return nil, &build.HintError{Err: usage("no image %q in the local store, no layout of that name, and %s does not have it: %s", ref, engine,
			strings.Join(strings.Fields(string(out)), " ")), Hint: `"strix-build images" lists the store`}
	}
	e := &runner.Engine{Program: engine, Image: ref}
	return &subject{Runner: e, has: func(p string) bool { return e.Has(ctx, p) }, close: func() {}}, nil
}
