package main

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/ab"
	"strix-build/internal/bench/benchtest"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// standInBench is llama-bench's stand-in as a static program.
var standInBench = staticProgram("../../internal/bench/testdata/standin")

// builtArms puts the images of a lattice of the miniature's recipe cpu into the store, as if they had been built: builtarms CHANGES ARM=SPEED…, with
// commas between changes. The llama-bench in an image is a stand-in of that speed.
func builtArms(ts *testscript.TestScript, _ bool, args []string) {
	a := &app{logFormat: "text", progress: "quiet", streams: streams{out: io.Discard, err: io.Discard}, projectDir: ts.MkAbs("project"), stateDir: ts.Getenv("STRIX_BUILD_STATE")}
	ts.Check(a.setup())
	o := abFlags{with: strings.Split(args[0], ","), force: true}
	o.sources = []string{"llama.cpp=" + ts.MkAbs("llama.cpp")}
	l, err := a.planLattice(o, "cpu")
	ts.Check(err)
	defer l.done()
	ts.Check(l.prepareImages(context.Background()))
	for _, image := range l.images {
		name := ab.ArmName(l.documentFactors(), image.on)
		i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, name+"=") })
		if i < 0 {
			ts.Fatalf("no speed for arm %q", name)
		}
		plantArm(ts, a, l.imageName(image.on), image.prepared.Key(), strings.TrimPrefix(args[i], name+"="))
	}
}

// halveLattice leaves a document what it was when half of its processes had run: halve FILE.
func halveLattice(ts *testscript.TestScript, _ bool, args []string) {
	d, err := ab.Read([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	d.Matrix.Samples, d.Matrix.Ended = d.Matrix.Samples[:(len(d.Matrix.Samples)+12)/2], "interrupted"
	data, err := d.Marshal()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

func plantArm(ts *testscript.TestScript, a *app, ref, key, speed string) {
	data, err := standInBench()
	ts.Check(err)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	ts.Check(w.WriteHeader(&tar.Header{Name: "usr/bin/llama-bench", Mode: 0o755, Size: int64(len(data))}))
	_, err = w.Write(data)
	ts.Check(err)
	ts.Check(w.Close())
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(b.Bytes(), types.OCIUncompressedLayer))
	ts.Check(err)
	img, err = mutate.Config(img, v1.Config{Env: []string{"PATH=/usr/bin", benchtest.EnvSpeed + "=" + speed, benchtest.EnvBuild + "=9909"},
		Labels: map[string]string{graph.LabelRecipe: "cpu", graph.LabelBuild: "b9909"}})
	ts.Check(err)
	s, err := a.images()
	ts.Check(err)
	dir, err := os.MkdirTemp(a.stateDir, "staging-")
	ts.Check(err)
	p, err := layout.Write(dir, empty.Index)
	ts.Check(err)
	ts.Check(p.AppendImage(img))
	_, err = s.Import(context.Background(), dir, store.Record{Name: ref, Ref: ref, Key: key, Built: time.Now()})
	ts.Check(err)
	ts.Check(os.RemoveAll(dir))
}
