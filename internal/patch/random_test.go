package patch

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"strix-build/internal/diag"
)

var (
	randomCases = flag.Int("cases", 30, "random series for each amount of context")
	randomSeed  = flag.Int64("seed", 1, "of the random series")
)

// randomCase is a series made for versions[0], and a tree to try it on. Paths lie below the folder dir.
type randomCase struct {
	dir      string
	versions []memory // the tree before the first patch, and after each
	target   memory
	files    []File
}

// Few different lines, so that hunks find more than one place.
var words = []string{"{", "}", "", "x", "  x", "if (a)", "return b;", "/* c */"}

func someLines(r *rand.Rand, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = words[r.Intn(len(words))]
		if r.Intn(4) == 0 {
			out[i] += fmt.Sprint(r.Intn(30))
		}
	}
	return out
}

func text(lines []string, end bool) []byte {
	s := strings.Join(lines, "\n")
	if end && s != "" || len(lines) == 1 && s == "" {
		s += "\n"
	}
	return []byte(s)
}

func someBlob(r *rand.Rand) Blob {
	return Blob{Data: text(someLines(r, r.Intn(24)), r.Intn(6) > 0), Executable: r.Intn(5) == 0}
}

var fileNames = []string{"a.c", "sub/b.c", "sub/deep/c.c", "d"}

func someTree(r *rand.Rand, dir string) memory {
	out := memory{}
	for _, name := range fileNames[:1+r.Intn(len(fileNames)-1)] {
		out[dir+"/"+name] = someBlob(r)
	}
	return out
}

// edited returns the tree with a few changes.
func edited(r *rand.Rand, dir string, tree memory, changes int) memory {
	out := maps.Clone(tree)
	for range changes {
		names := slices.Sorted(maps.Keys(out))
		name := dir + "/" + fileNames[r.Intn(len(fileNames))]
		if len(names) > 0 && r.Intn(8) > 0 {
			name = names[r.Intn(len(names))]
		}
		b, there := out[name]
		switch {
		case !there:
			out[name] = someBlob(r)
		case r.Intn(12) == 0:
			delete(out, name)
		default:
			out[name] = editedBlob(r, b)
		}
	}
	return out
}

func editedBlob(r *rand.Rand, b Blob) Blob {
	end := !bytes.HasSuffix(b.Data, []byte("\n")) == (r.Intn(8) == 0)
	lines := strings.Split(strings.TrimSuffix(string(b.Data), "\n"), "\n")
	if len(b.Data) == 0 {
		lines = nil
	}
	at := r.Intn(len(lines) + 1)
	if r.Intn(4) == 0 { // the ends are where hunks have no context
		at = []int{0, len(lines)}[r.Intn(2)]
	}
	n := min(1+r.Intn(3), len(lines)-at)
	switch r.Intn(5) {
	case 0: // remove
		lines = slices.Delete(slices.Clone(lines), at, at+n)
	case 1: // replace
		lines = slices.Replace(slices.Clone(lines), at, at+n, someLines(r, n)...)
	case 2: // move
		block := slices.Clone(lines[at : at+n])
		lines = slices.Delete(slices.Clone(lines), at, at+n)
		lines = slices.Insert(lines, r.Intn(len(lines)+1), block...)
	case 3: // repeat
		lines = slices.Insert(slices.Clone(lines), r.Intn(len(lines)+1), slices.Clone(lines[at:at+n])...)
	default:
		lines = slices.Insert(slices.Clone(lines), at, someLines(r, 1+r.Intn(3))...)
	}
	b.Data = text(lines, end)
	if r.Intn(10) == 0 {
		b.Executable = !b.Executable
	}
	return b
}

func newCase(r *rand.Rand, dir string) randomCase {
	c := randomCase{dir: dir, versions: []memory{someTree(r, dir)}}
	for range 1 + r.Intn(3) {
		last := c.versions[len(c.versions)-1]
		c.versions = append(c.versions, edited(r, dir, last, 1+r.Intn(4)))
	}
	c.target = c.versions[0]
	if r.Intn(3) == 0 { // some or all of the series is there already
		c.target = c.versions[r.Intn(len(c.versions))]
	}
	if r.Intn(4) > 0 {
		c.target = edited(r, dir, c.target, 1+r.Intn(3))
	}
	return c
}

// diffs lets git compare the versions of all cases at once: v0 with v1, v1 with v2 and so forth.
func diffs(t *testing.T, r *rand.Rand, cases []randomCase, context int) {
	t.Helper()
	root := t.TempDir()
	for v := 0; ; v++ {
		old, now := fmt.Sprintf("v%d", v), fmt.Sprintf("v%d", v+1)
		more := false
		for _, c := range cases {
			if v+1 < len(c.versions) {
				c.versions[v].write(t, filepath.Join(root, old))
				c.versions[v+1].write(t, filepath.Join(root, now))
				more = true
			}
		}
		if !more {
			return
		}
		said, _ := git(t, root, nil, "diff", "--no-index", "--no-prefix", "--no-renames", fmt.Sprintf("-U%d", context), old, now)
		of := byCase(said)
		for i := range cases {
			if data := of[cases[i].dir]; data != "" && v+1 < len(cases[i].versions) {
				cases[i].add(t, r, data)
			}
		}
		for _, dir := range []string{old, now} {
			if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var caseHeader = regexp.MustCompile(`(?m)^diff --git v\d+/(c\d+)/`)

// byCase cuts a diff at the headers and puts together what belongs to a case.
func byCase(diff string) map[string]string {
	out := map[string]string{}
	at := caseHeader.FindAllStringSubmatchIndex(diff, -1)
	for i, m := range at {
		end := len(diff)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out[diff[m[2]:m[3]]] += diff[m[0]:end]
	}
	return out
}

var positions = regexp.MustCompile(`(?m)^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@`)

// add makes a diff the case's next patch; of some the line numbers are made wrong.
func (c *randomCase) add(t *testing.T, r *rand.Rand, data string) {
	t.Helper()
	if r.Intn(5) == 0 {
		data = positions.ReplaceAllStringFunc(data, func(head string) string {
			m := positions.FindStringSubmatch(head)
			var old, now int
			fmt.Sscan(m[1], &old)
			fmt.Sscan(m[3], &now)
			return fmt.Sprintf("@@ -%d%s +%d%s @@", max(0, old+r.Intn(7)-3), m[2], max(0, now+r.Intn(7)-3), m[4])
		})
	}
	f, err := NewFile(fmt.Sprintf("%s/%04d.patch", c.dir, len(c.files)+1), []byte(data), diag.Pos{})
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	c.files = append(c.files, f)
}

// TestTryAgreesWithGit asks git about random series on random trees: state, distance and what becomes of every file.
func TestTryAgreesWithGit(t *testing.T) {
	t.Parallel()
	needGit(t)
	for _, context := range []int{0, 1, 3} {
		t.Run(fmt.Sprintf("U%d", context), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewSource(*randomSeed*10 + int64(context)))
			cases, all := make([]randomCase, *randomCases), memory{}
			for i := range cases {
				cases[i] = newCase(r, fmt.Sprintf("c%d", i))
				maps.Copy(all, cases[i].target)
			}
			diffs(t, r, cases, context)
			dir := checkout(t, all)
			states := map[State]int{}
			for _, c := range cases {
				if len(c.files) > 0 {
					states[agree(t, dir, c.dir, c.files, c.target).State]++
				}
			}
			t.Log(states)
			for _, s := range []State{Applies, Offset, Upstream, Partly, Conflict} {
				if states[s] == 0 && context > 0 {
					t.Errorf("no case was %s: %v", s, states)
				}
			}
		})
	}
}
