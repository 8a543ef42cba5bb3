package upstreamtest

import (
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Repository is a small llama.cpp: tags, a pull request that no branch has, and a large file that no question is about.
type Repository struct {
	Dir                  string // of the bare repository
	First, Second, Third string // commit ids; Third has no tag
	PullBase, PullHead   string // of pull request 7
}

// LargeFile is how many bytes of the upstream no answer needs.
const LargeFile = 1 << 20

// template is the upstream that tests copy: making it takes a dozen git processes.
var template struct {
	once sync.Once
	Repository
}

// Main runs a package's tests and removes what they shared.
func Main(m *testing.M) {
	code := m.Run()
	if template.Dir != "" {
		_ = os.RemoveAll(filepath.Dir(template.Dir))
	}
	os.Exit(code)
}

func makeTemplate(t *testing.T) {
	t.Helper()
	root, err := os.MkdirTemp("", "strix-build-upstream-")
	if err != nil {
		t.Fatal(err)
	}
	u := &template.Repository
	u.Dir = filepath.Join(root, "llama.cpp.git")
	work := NewCheckout(t)
	large := make([]byte, LargeFile)
	_, _ = mathrand.NewChaCha8([32]byte{}).Read(large)
	Write(t, work, map[string]string{"large.bin": string(large), "a.c": "one\ntwo\nthree\n"})
	u.First = Commit(t, work, "first")
	Git(t, work, "tag", "b9908")
	Write(t, work, map[string]string{"b.c": "b\n"})
	u.Second = Commit(t, work, "second")
	Git(t, work, "tag", "-a", "-m", "annotated", "b9909")
	Write(t, work, map[string]string{"c.c": "c\n"})
	u.Third = Commit(t, work, "third")
	Git(t, work, "checkout", "-q", "--detach", "b9908")
	Write(t, work, map[string]string{"a.c": "one\n2\nthree\n"})
	u.PullBase, u.PullHead = u.First, Commit(t, work, "pull")
	Git(t, work, "checkout", "-q", "master")
	Git(t, work, "clone", "-q", "--bare", work, u.Dir)
	Git(t, work, "push", "-q", u.Dir, u.PullHead+":refs/pull/7/head")
}

// New is a repository of the test's own, below a folder that [Serve] can serve. config names switches of git's section
// [uploadpack] to turn on: what its server lets clients ask for.
func New(t *testing.T, config ...string) Repository {
	t.Helper()
	template.once.Do(func() { makeTemplate(t) })
	u := template.Repository
	u.Dir = filepath.Join(t.TempDir(), "llama.cpp.git")
	if err := os.CopyFS(u.Dir, os.DirFS(template.Dir)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(u.Dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range config {
		fmt.Fprintf(f, "[uploadpack]\n\t%s = true\n", c)
	}
	return u
}
