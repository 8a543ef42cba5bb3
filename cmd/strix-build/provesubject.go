package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"strix-build/internal/graph"
	"strix-build/internal/host"
	"strix-build/internal/program"
	"strix-build/internal/runner"
	"strix-build/internal/store"
	"strix-build/internal/version"
)

// subjectFlags say whose programs run, and where.
type subjectFlags struct {
	image, bin, build, host string
	gpu                     bool
}

func (o *subjectFlags) register(f *pflag.FlagSet) {
	o.registerPlace(f)
	f.StringVar(&o.build, "build", "", "build `NUMBER` of the programs (default: the image's label, else what llama-server says)")
}

// registerPlace registers what says whose programs run, and where.
func (o *subjectFlags) registerPlace(f *pflag.FlagSet) {
	f.StringVar(&o.image, "image", "", "`IMAGE`: of the local store (strix-build images), an OCI layout as DIR or DIR:NAME, or what podman or docker have")
	f.StringVar(&o.bin, "bin", "", "`DIR` with llama.cpp's programs, e.g. build/bin of its tree")
	f.BoolVar(&o.gpu, "gpu", false, "give the image the devices that its labels name; one without such labels, those that any container here names")
	f.StringVar(&o.host, "host", "", "run on another `HOST` over ssh: USER@HOST, ssh://USER@HOST:PORT, or a name that ssh knows; DIR and model files are there")
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
	env     []string      // that an image sets, as NAME=VALUE
	build   version.Build // 0: not known yet
	has     func(program string) bool
	close   func()
	host    runner.Host
	machine host.Machine // what host is
}

func (a *app) subject(ctx context.Context, o subjectFlags, work, program string) (*subject, error) {
	s, err := a.findSubject(ctx, o, work)
	if err != nil {
		return nil, err
	}
	if !s.has(program) {
		s.close()
		return nil, usage("%s has no %s", s.name, program)
	}
	if s.machine, err = s.host.Machine(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// findSubject finds whose programs run; work holds what is made for it.
func (a *app) findSubject(ctx context.Context, o subjectFlags, work string) (*subject, error) {
	h, err := a.host(ctx, o.host, work)
	if err != nil {
		return nil, err
	}
	var s *subject
	if o.bin != "" {
		s, err = folderSubject(ctx, h, o.bin)
	} else {
		s, err = a.imageSubject(ctx, h, o, work)
	}
	if err != nil {
		return nil, err
	}
	s.name, s.host = o.image+o.bin, h
	return s, nil
}

func folderSubject(ctx context.Context, h runner.Host, bin string) (*subject, error) {
	dir, err := h.Resolve(ctx, bin)
	if err != nil {
		return nil, usage("--bin: %v", err)
	}
	f := runner.Folder{On: h, Dir: dir}
	return &subject{Runner: f, has: func(p string) bool { return f.Has(ctx, p) }, close: func() {}}, nil
}

func (a *app) imageSubject(ctx context.Context, h runner.Host, o subjectFlags, work string) (*subject, error) {
	img, err := a.findImage(o.image)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return a.engineSubject(ctx, h, o)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	gpu, err := a.gpu(ctx, h, o, cfg.Config.Labels)
	if err != nil {
		return nil, err
	}
	s, err := a.runImage(ctx, h, img, cfg.Config.Env, gpu, work)
	if err != nil {
		return nil, err
	}
	s.env = cfg.Config.Env
	return s, s.describe(img, cfg.Config.Labels)
}

// describe takes from an image what it says of itself.
func (s *subject) describe(img store.Image, labels map[string]string) error {
	s.labelled(labels)
	digest, err := img.Digest()
	s.digest = digest.String()
	return err
}

// labelledSubject is an image whose programs are not run.
func (a *app) labelledSubject(_ context.Context, o subjectFlags, _, _ string) (*subject, error) {
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
	s := &subject{name: o.image, has: func(string) bool { return false }, close: func() {}, host: runner.Here{}, machine: host.Here()}
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

// labelled takes what an image says of itself.
func (s *subject) labelled(labels map[string]string) {
	s.build, _ = version.ParseBuild(labels[graph.LabelBuild]) // without the label, the programs are asked
	s.recipe, s.patches = labels[graph.LabelRecipe], setsOf(labels[graph.LabelPatches])
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

// runImage unpacks an image for runc, which only root may use; others, and other hosts, hand it to podman or docker.
func (a *app) runImage(ctx context.Context, h runner.Host, img store.Image, env []string, gpu *runner.GPU, work string) (*subject, error) {
	if h != (runner.Here{}) || os.Geteuid() != 0 || !installed("runc", "unshare") {
		return a.loadImage(ctx, h, img, gpu)
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
