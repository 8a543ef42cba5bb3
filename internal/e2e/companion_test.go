package e2e_test

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"strix-build/internal/graph"
)

// TestIntegrationCompanionTestsItsImage: --target test builds image and companion; the companion has the image's layers and one more,
// and the image is the same, to the digest, with and without it.
func TestIntegrationCompanionTestsItsImage(t *testing.T) {
	w := setup(t)
	w.main.keep(t)
	const repository = "tested"
	alone := w.build(t, "cpu", "--repository", repository)
	both, o := w.main.make(t, "cpu", "cpu-patched", "--target", "test", "--repository", repository)
	if slices.Contains(o.ran(), "compile: programs of cpu") {
		t.Errorf("cpu was compiled again: %q", o.ran())
	}
	if len(starting(o.ran(), "compile: the test program of cpu")) == 0 {
		t.Errorf("no test program was compiled: %q", o.ran())
	}
	for i, name := range []string{"cpu", "cpu-patched"} {
		ref := repository + ":" + name
		if both[i].Ref != ref+"-test" || both[i].UpToDate {
			t.Errorf("%+v", both[i])
		}
		again := w.build(t, name, "--repository", repository)
		if !again.UpToDate || name == "cpu" && again.Digest != alone.Digest {
			t.Errorf("with a companion %s is %+v, alone %+v", name, again, alone)
		}
		checkCompanion(t, w.main.image(t, ref), w.main.image(t, ref+"-test"))
	}
	if forced := w.build(t, "cpu", "--repository", repository, "--force"); forced.Digest != alone.Digest {
		t.Errorf("built again beside its companion it is %s, was %s", forced.Digest, alone.Digest)
	}
	if second := w.build(t, "cpu", "--repository", repository, "--target", "test"); !second.UpToDate || second.Digest != both[0].Digest {
		t.Errorf("the companion again: %+v, was %+v", second, both[0])
	}
	if said := w.main.run(t, "images").stdout; !strings.Contains(said, "tests "+repository+":cpu\n") {
		t.Errorf("images says\n%s", said)
	}
}

func checkCompanion(t *testing.T, image, companion v1.Image) {
	t.Helper()
	below, above := manifest(t, image), manifest(t, companion)
	if len(above.Layers) != len(below.Layers)+1 {
		t.Fatalf("%d layers on %d", len(above.Layers), len(below.Layers))
	}
	for i, l := range below.Layers {
		if above.Layers[i].Digest != l.Digest {
			t.Errorf("layer %d is %s, the image's %s", i, above.Layers[i].Digest, l.Digest)
		}
	}
	if got := configOf(t, companion).Config.Labels[graph.LabelTests]; got != digestOf(t, image) {
		t.Errorf("it says that it tests %s, the image is %s", got, digestOf(t, image))
	}
	if out, _, code := unpack(t, companion).run(t, graph.TestProgram, "test", "-o", "MUL_MAT", "-b", "CPU"); code != 0 || !strings.Contains(out, "4/4 tests passed") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, err := unpack(t, image).command(t, graph.TestProgram).Output(); err == nil {
		t.Error("the image has the test program too")
	}
}

func manifest(t *testing.T, img v1.Image) *v1.Manifest {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return m
}
