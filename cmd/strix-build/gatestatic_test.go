package main

import (
	"archive/tar"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"strix-build/internal/codeobject/codeobjecttest"
	"strix-build/internal/dynlink/dynlinktest"
	"strix-build/internal/gate"
)

// elfLayer is a layer of small programs and libraries, by path.
func elfLayer(t *testing.T, files ...string) v1.Layer {
	t.Helper()
	var out []tarFile
	for i := 0; i < len(files); i += 2 {
		data, err := dynlinktest.File(files[i+1])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tarFile{tar.Header{Name: files[i]}, data})
	}
	return layerOf(t, out...)
}

// seen are the checks' words by name.
func seen(t *testing.T, candidate, baseline string) map[string]string {
	t.Helper()
	a := &app{stateDir: t.TempDir(), streams: streams{nil, &strings.Builder{}, &strings.Builder{}}}
	checks, err := a.staticChecks(t.Context(), gateFlags{candidate: subjectFlags{image: candidate}, baseline: subjectFlags{image: baseline}}, gate.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range checks {
		out[c.Name] = map[bool]string{true: "ok: ", false: "FAILED: "}[c.Holds()] + c.Why
	}
	return out
}

// TestStaticChecksReadLayers: libraries are found in whatever layer they are, by links too, and one that an upper layer takes away
// is missed by name.
func TestStaticChecksReadLayers(t *testing.T) {
	t.Parallel()
	hip, err := codeobjecttest.Library("gfx1151\nscale")
	if err != nil {
		t.Fatal(err)
	}
	distribution := layerOf(t,
		tarFile{tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"}, nil},
		tarFile{tar.Header{Name: "usr/lib/libc.so.6"}, mustELF(t, "name libc.so.6\ndefines GLIBC_2.38")},
		tarFile{tar.Header{Name: "opt/hip/libamdhip64.so.7.2"}, mustELF(t, "name libamdhip64.so.7")},
		tarFile{tar.Header{Name: "opt/hip/libamdhip64.so.7", Typeflag: tar.TypeLink, Linkname: "opt/hip/libamdhip64.so.7.2"}, nil},
		tarFile{tar.Header{Name: "etc/ld.so.conf"}, []byte("include ld.so.conf.d/*.conf\n")},
		tarFile{tar.Header{Name: "etc/ld.so.conf.d/hip.conf"}, []byte("/opt/hip\n")},
	)
	llama := layerOf(t,
		tarFile{tar.Header{Name: "usr/local/bin/llama-server"}, mustELF(t, "interpreter /lib/libc.so.6\nneeds libllama.so.0\nrunpath $ORIGIN/../lib")},
		tarFile{tar.Header{Name: "usr/local/lib/libllama.so.0"}, mustELF(t, "needs libamdhip64.so.7\nneeds libc.so.6\nwants libc.so.6 GLIBC_2.38")},
		tarFile{tar.Header{Name: "usr/local/lib/libggml-hip.so"}, hip},
		tarFile{tar.Header{Name: "usr/share/strix-build/build.json"}, []byte(`{"cmake": {"GGML_RPC": "OFF", "BUILD_SHARED_LIBS": "ON"}, "new": 1}`)},
	)
	good := imageLayout(t, distribution, llama)
	got := seen(t, good, good)
	for name, want := range map[string]string{
		"GPU targets":       "ok: 1 code objects, 1 kernels, all for gfx1151",
		"libraries resolve": "ok: 1 programs, 4 libraries that they load",
		"requested flags":   "ok: seen: BUILD_SHARED_LIBS=ON, GGML_RPC=OFF; nothing to see of: none",
		"kernels":           "ok: as in the baseline: 1, changed: 0, added: 0, removed: 0, worse: 0, of which can be chosen: 0",
		"image size":        "ok: ",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}

	without := imageLayout(t, distribution, llama, layerOf(t, tarFile{tar.Header{Name: "opt/hip/.wh.libamdhip64.so.7"}, nil}))
	old := imageLayout(t, distribution, llama, elfLayer(t, "usr/lib/libc.so.6", "name libc.so.6\ndefines GLIBC_2.36"))
	cut := imageLayout(t, distribution, llama, layerOf(t, tarFile{tar.Header{Name: "usr/local/lib/libggml-hip.so"}, hip[:5000]}))
	for image, want := range map[string]string{
		cut:     "FAILED: usr/local/lib/libggml-hip.so: section headers: ends early",
		without: "FAILED: usr/local/lib/libllama.so.0 needs libamdhip64.so.7, which is not there",
		old:     "FAILED: usr/local/lib/libllama.so.0 needs version GLIBC_2.38 of libc.so.6, which usr/lib/libc.so.6 has not",
	} {
		if got := seen(t, image, good)["libraries resolve"]; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func mustELF(t *testing.T, text string) []byte {
	t.Helper()
	data, err := dynlinktest.File(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestStaticChecksOfRealImages: the images of the state that STRIX_KERNELS_STATE names hold all checks, and rocm without one of the
// libraries it needs is refused by that library's name.
func TestStaticChecksOfRealImages(t *testing.T) {
	t.Parallel()
	state := os.Getenv("STRIX_KERNELS_STATE")
	if state == "" {
		t.Skip("set STRIX_KERNELS_STATE=DIR, a state with the images llama:rocm and llama:rocm-mmq")
	}
	a := &app{stateDir: state, streams: streams{nil, &strings.Builder{}, &strings.Builder{}}}
	policy, err := a.policyNamed("standard")
	if err != nil {
		t.Fatal(err)
	}
	checks, err := a.staticChecks(t.Context(), gateFlags{candidate: subjectFlags{image: "llama:rocm-mmq"}, baseline: subjectFlags{image: "llama:rocm"}}, gatePolicy(policy))
	if err != nil || len(checks) != 5 {
		t.Fatal(checks, err)
	}
	for _, c := range checks {
		if !c.Holds() || c.Skipped {
			t.Errorf("%s: %s", c.Name, c.Why)
		}
	}
	img, err := a.findImage("llama:rocm")
	if err != nil || img == nil {
		t.Fatal(err)
	}
	for _, library := range []string{"usr/lib/x86_64-linux-gnu/libamdhip64.so.7", "usr/lib/x86_64-linux-gnu/libgomp.so.1"} {
		dir, base := library[:strings.LastIndex(library, "/")+1], library[strings.LastIndex(library, "/")+1:]
		less, err := mutate.AppendLayers(img, layerOf(t, tarFile{tar.Header{Name: dir + ".wh." + base}, nil}))
		if err != nil {
			t.Fatal(err)
		}
		r := &imageReader{app: a, library: "*", linker: true, layers: map[string]*layerFiles{}}
		found, err := r.lookInto(t.Context(), less)
		if err != nil {
			t.Fatal(err)
		}
		report, err := found.Tree.Check("usr/local", found.Env)
		if err != nil || len(report.Problems) == 0 {
			t.Fatal(report, err)
		}
		for _, p := range report.Problems {
			if p.Library != base {
				t.Errorf("%s, and only %s is gone", p, base)
			}
		}
		t.Log(report.Problems)
	}
}
