package e2e_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestIntegrationPush(t *testing.T) {
	w := setup(t)
	r := w.build(t, "cpu")
	repo := serve(t, registry.New(registry.Logger(log.New(io.Discard, "", 0)))) + "/strix/llama"
	o := w.main.run(t, w.main.recipe("cpu", "--push", repo)...)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s", o.code, o.stderr)
	}
	o.says(t, repo+":cpu-candidate@"+r.Digest, "its channel stays: ungated")
	ref, err := name.ParseReference(repo + ":cpu-candidate")
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Head(ref, remote.WithContext(t.Context()))
	if err != nil || d.Digest.String() != r.Digest {
		t.Errorf("the registry has %+v, %v; want %s", d, err, r.Digest)
	}
}

// TestIntegrationRefusingRegistry: one that lets nobody write is found out before the build, one that takes no blobs after it.
func TestIntegrationRefusingRegistry(t *testing.T) {
	w := setup(t)
	r := w.build(t, "cpu")
	t.Run("nothing begins", func(t *testing.T) {
		o := w.refused(t, refusing(t, ""))
		if o.stdout != "" {
			t.Errorf("an image was looked for before the registry was asked: %s", o.stdout)
		}
	})
	t.Run("no blob is taken", func(t *testing.T) {
		o := w.refused(t, refusing(t, "/v2/strix/llama/blobs/uploads/1"))
		if all := o.results(t); len(all) != 1 || all[0].Digest != r.Digest {
			t.Errorf("the image that is in the store is not printed: %s", o.stdout)
		}
	})
}

// refused publishes to a registry that refuses, and looks whether the store is as it was.
func (w *world) refused(t *testing.T, repo string) outcome {
	t.Helper()
	had := contents(t, filepath.Join(w.main.dir, "images"))
	o := w.main.run(t, w.main.recipe("cpu", "--push", repo)...)
	if o.code != 1 {
		t.Errorf("exit %d", o.code)
	}
	o.says(t, "push", repo, "DENIED", "no push today")
	if d := cmp.Diff(had, contents(t, filepath.Join(w.main.dir, "images"))); d != "" {
		t.Errorf("the store changed (-before +after):\n%s", d)
	}
	return o
}

// refusing is a registry that knows nothing and takes nothing; with a location it lets uploads begin there.
func refusing(t *testing.T, location string) (repo string) {
	t.Helper()
	return serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			if location != "" {
				rw.Header().Set("Location", location)
				rw.WriteHeader(http.StatusAccepted)
				return
			}
		case http.MethodGet: // who are you, and what is this tag
			if r.URL.Path != "/v2/" {
				rw.WriteHeader(http.StatusNotFound)
			}
			return
		case http.MethodHead: // do you have it
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(rw, `{"errors":[{"code":"DENIED","message":"no push today"}]}`)
	})) + "/strix/llama"
}

// engine is a folder for the front of PATH with a podman that runs the script.
func engine(t *testing.T, script string) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "podman"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, "PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH")
}

func TestIntegrationLoadGivesTheEngineTheImage(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	dir, path := engine(t, `[ "$*" = load ] && exec cat >"${0%/*}/loaded.tar"; exit 1`)
	o := w.main.start(t, []string{path}, w.main.recipe("cpu", "--load", "podman")...).wait(t)
	if o.code != 0 {
		t.Fatalf("exit %d\n%s", o.code, o.stderr)
	}
	tag, err := name.NewTag("localhost/strix-build/miniature:cpu")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tarball.ImageFromPath(filepath.Join(dir, "loaded.tar"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(configOf(t, w.main.image(t, "miniature:cpu")), configOf(t, loaded)); d != "" {
		t.Errorf("loaded another image (-store +loaded):\n%s", d)
	}
}

func TestIntegrationLoadThatFails(t *testing.T) {
	w := setup(t)
	w.build(t, "cpu")
	_, path := engine(t, `echo "no room in the engine" >&2; exit 125`)
	o := w.main.start(t, []string{path}, w.main.recipe("cpu", "--load", "podman")...).wait(t)
	if o.code != 1 {
		t.Errorf("exit %d", o.code)
	}
	o.says(t, "podman", "no room in the engine")
}
