package upstream

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	fdiff "github.com/go-git/go-git/v5/plumbing/format/diff"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	linediff "github.com/go-git/go-git/v5/utils/diff"
	"github.com/sergi/go-diff/diffmatchpatch"
)

// contextLines of unchanged text around a change.
const contextLines = 1

// binaryProbe is how many bytes git looks at for a zero to call a file binary.
const binaryProbe = 8000

// side is one file before or after a change; the zero side means that there is none.
type side struct {
	name string
	mode filemode.FileMode
	hash plumbing.Hash
}

func newSide(e object.ChangeEntry) side {
	mode := e.TreeEntry.Mode
	if mode == filemode.Deprecated {
		mode = filemode.Regular
	}
	return side{name: e.Name, mode: mode, hash: e.TreeEntry.Hash}
}

func (s side) exists() bool { return s.name != "" }

// kind tells files, symlinks and submodules apart; git diffs a change of kind as a removal and a creation.
func (s side) kind() filemode.FileMode { return s.mode & 0o170000 }

func sortChanges(changes object.Changes) {
	slices.SortStableFunc(changes, func(a, b *object.Change) int {
		return strings.Compare(cmp.Or(a.To.Name, a.From.Name), cmp.Or(b.To.Name, b.From.Name))
	})
}

// diffChange prints one file's change. go-git's own encoder is used for the hunks alone: its headers lose submodule
// changes, call new empty files binary, and quote no names.
func diffChange(st storer.EncodedObjectStorer, c *object.Change) (string, error) {
	from, to := newSide(c.From), newSide(c.To)
	if from.exists() && to.exists() && from.kind() != to.kind() {
		removed, err := diffSides(st, from, side{})
		if err != nil {
			return "", err
		}
		created, err := diffSides(st, side{}, to)
		return removed + created, err
	}
	return diffSides(st, from, to)
}

func diffSides(st storer.EncodedObjectStorer, from, to side) (string, error) {
	f := header(from, to)
	before, err := content(st, from)
	if err != nil {
		return "", err
	}
	after, err := content(st, to)
	if err != nil {
		return "", err
	}
	if isBinary(before) || isBinary(after) {
		f.IsBinary = before != after
	} else if f.TextFragments, err = fragments(before, after); err != nil {
		return "", fmt.Errorf("diff %q: %w", cmp.Or(to.name, from.name), err)
	}
	return f.String(), nil
}

// header fills in names and modes. Modes are written where they change, and where they are not a plain file's, so
// that a reader of the diff sees a symlink or submodule for what it is.
func header(from, to side) *gitdiff.File {
	f := &gitdiff.File{OldName: from.name, NewName: to.name, IsNew: !from.exists(), IsDelete: !to.exists()}
	special := max(from.kind(), to.kind()) != filemode.Regular&0o170000
	if from.mode != to.mode || special {
		f.OldMode, f.NewMode = os.FileMode(from.mode), os.FileMode(to.mode)
	}
	return f
}

func content(st storer.EncodedObjectStorer, s side) (string, error) {
	if !s.exists() {
		return "", nil
	}
	if s.mode == filemode.Submodule {
		return fmt.Sprintf("Subproject commit %s\n", s.hash), nil
	}
	b, err := object.GetBlob(st, s.hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return "", fmt.Errorf("the content of %q (object %s) is not in the repository", s.name, s.hash)
	}
	if err != nil {
		return "", fmt.Errorf("read %q: %w", s.name, err)
	}
	r, err := b.Reader()
	if err != nil {
		return "", fmt.Errorf("read %q: %w", s.name, err)
	}
	defer r.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, r); err != nil {
		return "", fmt.Errorf("read %q: %w", s.name, err)
	}
	return text.String(), nil
}

func isBinary(s string) bool {
	return strings.IndexByte(s[:min(len(s), binaryProbe)], 0) >= 0
}

// fragments are the hunks between two texts.
func fragments(before, after string) ([]*gitdiff.TextFragment, error) {
	if before == after {
		return nil, nil
	}
	var p hunks
	for _, d := range linediff.Do(before, after) {
		p = append(p, chunk{op: operations[d.Type], text: d.Text})
	}
	// The encoder writes no header for a patch without files; the parser wants one.
	b := bytes.NewBufferString("diff --git a/x b/x\n--- a/x\n+++ b/x\n")
	if err := fdiff.NewUnifiedEncoder(b, contextLines).Encode(p); err != nil {
		return nil, err
	}
	files, _, err := gitdiff.Parse(b)
	if err != nil {
		return nil, err
	}
	for _, f := range files[0].TextFragments {
		f.Comment = "" // the encoder's is the line before, not the function's name
	}
	return files[0].TextFragments, nil
}

// hunks is one text's change in the form the encoder takes.
type hunks []fdiff.Chunk

func (h hunks) FilePatches() []fdiff.FilePatch { return []fdiff.FilePatch{h} }
func (h hunks) Message() string                { return "" }
func (h hunks) IsBinary() bool                 { return false }
func (h hunks) Files() (from, to fdiff.File)   { return nil, nil }
func (h hunks) Chunks() []fdiff.Chunk          { return h }

type chunk struct {
	op   fdiff.Operation
	text string
}

func (c chunk) Content() string       { return c.text }
func (c chunk) Type() fdiff.Operation { return c.op }

var operations = map[diffmatchpatch.Operation]fdiff.Operation{
	diffmatchpatch.DiffEqual:  fdiff.Equal,
	diffmatchpatch.DiffDelete: fdiff.Delete,
	diffmatchpatch.DiffInsert: fdiff.Add,
}
