package campaign

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strix-build/internal/llamabench"
)

// Base is what one build measured on one machine.
type Base struct {
	Name     string `json:"name"` // as it was given
	Build    int    `json:"build"`
	Commit   string `json:"commit"`
	CPU      string `json:"cpu"`
	GPU      string `json:"gpu"`
	Backends string `json:"backends"`

	rows  []placed
	first placed // that says what all the others are
}

// placed is a row with its place.
type placed struct {
	*llamabench.Row
	file string
	line int
}

// Rows are all of the base's, file by file.
func (b *Base) Rows() []*llamabench.Row {
	var out []*llamabench.Row
	for _, p := range b.rows {
		out = append(out, p.Row)
	}
	return out
}

func (p placed) at() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// Load reads a file of llama-bench's rows ("-o jsonl"), or all such files below a folder. The error names file and line, where rows cannot be
// what finished tests of one build on one machine printed.
func Load(name string) (*Base, error) {
	files, err := filesOf(name)
	if err != nil {
		return nil, err
	}
	b := &Base{Name: name}
	for _, f := range files {
		if err := b.read(f); err != nil {
			return nil, err
		}
	}
	if len(b.rows) == 0 {
		return nil, fmt.Errorf("%s: no row of llama-bench", name)
	}
	return b, nil
}

// extension is that of the files that are looked for below a folder.
const extension = ".jsonl"

// HasFiles reports whether a folder has files that may be rows.
func HasFiles(dir string) (bool, error) {
	files, err := filesBelow(dir)
	return len(files) > 0, err
}

func filesOf(name string) ([]string, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{name}, nil
	}
	out, err := filesBelow(name)
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s: no file of the name *%s in it", name, extension)
	}
	return out, err
}

func filesBelow(dir string) (out []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, extension) {
			out = append(out, path)
		}
		return err
	})
	return out, err
}

func (b *Base) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var last time.Time
	line, err := llamabench.Each(f, func(line int, r *llamabench.Row) error {
		p := placed{r, file, line}
		if err := b.add(p); err != nil {
			return err
		}
		if r.Time.Before(last) {
			return fmt.Errorf("a test of %s after one of %s: the clock was set, or rows of several runs were mixed", r.Time.Format(time.RFC3339), last.Format(time.RFC3339))
		}
		last = r.Time
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s:%d: %w", file, max(1, line), err)
	}
	return nil
}

// add takes a row that is of the base's build and machine.
func (b *Base) add(p placed) error {
	if len(b.rows) == 0 {
		b.first = p
		b.Build, b.Commit, b.CPU, b.GPU, b.Backends = p.Build, p.Commit, p.CPU, p.GPU, p.Backends
	}
	for _, f := range []struct{ what, one, other string }{
		{"builds", build(b.first), build(p)}, {"CPUs", b.CPU, p.CPU}, {"GPUs", b.GPU, p.GPU}, {"backends", b.Backends, p.Backends},
	} {
		if f.one != f.other {
			return fmt.Errorf("rows of two %s in one base: %q, and %q at %s", f.what, f.other, f.one, b.first.at())
		}
	}
	b.rows = append(b.rows, p)
	return nil
}

func build(p placed) string { return fmt.Sprintf("b%d (%s)", p.Build, p.Commit) }
