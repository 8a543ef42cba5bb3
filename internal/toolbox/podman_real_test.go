package toolbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIntegrationPodman makes, refreshes, rolls back and removes a toolbox with the podman of this machine, in a storage of its own.
func TestIntegrationPodman(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts containers")
	}
	if err := Look(); err != nil {
		t.Skip(err)
	}
	p := &Podman{Say: t.Logf}
	privateStorage(t)
	day := func(n string) Spec {
		s := Spec{Name: "strix-build-test", Recipe: "rocm", Build: "b" + n, Manager: Alone}
		s.Digest = realImage(t, p, n)
		if err := p.all(t.Context(), podman("tag", "localhost/day:"+n, s.Brought())); err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := day("1"), day("2")
	if _, err := p.run(t.Context(), podman("run", "--rm", "--network", "host", "--ulimit", "host", "localhost/day:1", "true")); err != nil {
		t.Skipf("podman cannot run a container here: %v", err)
	}
	o, _ := Fit(nil, Here())
	o.Devices = []string{"/dev/null"}
	if err := p.Make(t.Context(), first, o); err != nil {
		t.Fatal(err)
	}
	find := func() *Set {
		all, err := p.Toolboxes(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%d toolboxes, %v", len(all), err)
		}
		return all[0]
	}
	if err := p.Refresh(t.Context(), find(), second, o, false); err != nil {
		t.Fatal(err)
	}
	s := find()
	if s.Current == nil || s.Previous == nil || s.Current.Spec != second || s.Previous.Spec != first {
		t.Fatalf("after refresh: %+v, %+v", s.Current, s.Previous)
	}
	if err := p.Rollback(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if s = find(); s.Current.Spec != first || s.Previous.Spec != second {
		t.Errorf("after rollback: %+v, %+v", s.Current, s.Previous)
	}
	if err := p.all(t.Context(), podman("start", s.Name), podman("exec", s.Name, "true")); err != nil {
		t.Error(err)
	}
	if err := p.Remove(t.Context(), find(), true); err != nil {
		t.Fatal(err)
	}
	if p.Taken(t.Context(), s.Name) || p.Has(t.Context(), first.image()) {
		t.Error("rm left something")
	}
}

// privateStorage keeps podman from what the user has.
func privateStorage(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "strix-build-podman-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for inUse(dir) { // by what podman left to clean up after a container
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(dir, "storage.conf")
	text := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", filepath.Join(dir, "graph"), filepath.Join(dir, "run"))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERS_STORAGE_CONF", file)
}

// inUse reports whether a process has a folder on its command line.
func inUse(dir string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is right
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), dir) {
			return true
		}
	}
	return false
}

// realImage makes an image of one program under several names, and returns its digest.
func realImage(t *testing.T, p *Podman, n string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "sleep"), "./testdata/idle")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := "FROM scratch\nCOPY sleep /bin/sleep\nCOPY sleep /bin/true\nENV PATH=/bin\nLABEL day=" + n + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.all(t.Context(), podman("build", "--quiet", "--tag", "localhost/day:"+n, dir)); err != nil {
		t.Skipf("podman builds no image here: %v", err)
	}
	i, err := p.Inspect(t.Context(), "localhost/day:"+n)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(i.Digest, "sha256:") {
		t.Fatalf("digest %q", i.Digest)
	}
	return i.Digest
}
