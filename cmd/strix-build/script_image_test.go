package main

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/graph"
	"strix-build/internal/store"
)

// probe is a static program that says what it sees.
var probe = staticProgram("../../internal/runner/testdata/probe")

// staticProgram compiles a program once, when it is first asked for.
func staticProgram(source string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "program")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, filepath.Base(source))
		cmd := exec.Command("go", "build", "-o", file, source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, err
		}
		return os.ReadFile(file)
	})
}

// storeImage puts an image with the program probe into the store, labelled with a recipe, or without labels for "-":
// storeimage REF RECIPE NAME [TESTED | PATH=FILE...]. TESTED is the image that a companion is for; the paths are further files in it.
func storeImage(ts *testscript.TestScript, _ bool, args []string) {
	data, err := probe()
	ts.Check(err)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	ts.Check(w.WriteHeader(&tar.Header{Name: "usr/bin/probe", Mode: 0o755, Size: int64(len(data))}))
	_, err = w.Write(data)
	ts.Check(err)
	for _, arg := range args[3:] {
		path, file, ok := strings.Cut(arg, "=")
		if !ok {
			continue
		}
		text := ts.ReadFile(file)
		ts.Check(w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(text))}))
		_, err = w.Write([]byte(text))
		ts.Check(err)
	}
	ts.Check(w.Close())
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(b.Bytes(), types.OCIUncompressedLayer))
	ts.Check(err)
	config := v1.Config{Env: []string{"PATH=/usr/bin", "NAME=" + args[2]}}
	if args[1] != "-" {
		config.Labels = map[string]string{graph.LabelRecipe: args[1]}
	}
	img, err = mutate.Config(img, config)
	ts.Check(err)
	s, err := store.Open(filepath.Join(ts.Getenv("STRIX_BUILD_STATE"), "images"))
	ts.Check(err)
	dir, err := os.MkdirTemp(ts.Getenv("STRIX_BUILD_STATE"), "staging-")
	ts.Check(err)
	p, err := layout.Write(dir, empty.Index)
	ts.Check(err)
	ts.Check(p.AppendImage(img))
	r := store.Record{Name: args[0], Ref: args[0], Built: time.Now()}
	if len(args) > 3 && !strings.Contains(args[3], "=") {
		tested, err := s.Find(args[3])
		ts.Check(err)
		r.Tests = tested.Digest
	}
	_, err = s.Import(context.Background(), dir, r)
	ts.Check(err)
	ts.Check(os.RemoveAll(dir))
}

// fakeSSH puts a stand-in for ssh into a folder: fakessh DIR.
func fakeSSH(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile("../../internal/runner/testdata/ssh")
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755))
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "ssh"), data, 0o755))
}
