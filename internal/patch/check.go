package patch

import (
	"bytes"
	"os"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"strix-build/internal/diag"
)

// File types in git's octal modes.
const (
	typeMask    os.FileMode = 0o170000
	typeSymlink os.FileMode = 0o120000
	typeModule  os.FileMode = 0o160000
)

// Check refuses what a patch to a source tree has no need for and a build must not trust: paths outside the tree or
// in git's own folder, symlinks, submodules, modes other than 644 and 755, binary changes, and patches that change
// nothing. All problems are reported at once, as a *diag.Error whose places are lines of the patch file.
func Check(f File) error {
	files, lines, list := parse(f.Name, f.Data)
	if len(list) == 0 {
		list = check(f.Name, files, lines)
	}
	return withSource(list, f.Name, f.Data)
}

// NewFile normalises and checks one patch. name is what messages call it, pos the line of patchset.yaml that
// brought it in. The check sees the diff as written, the places in its errors are lines of data.
func NewFile(name string, data []byte, pos diag.Pos) (File, error) {
	if err := withSource(checkText(name, data), name, data); err != nil {
		return File{}, err
	}
	files, lines, list := parse(name, data)
	if len(list) == 0 {
		list = check(name, files, lines)
	}
	f := File{Name: name, Pos: pos}
	if len(list) == 0 {
		f.Data, list = normal(name, files, lines)
	}
	if err := withSource(list, name, data); err != nil {
		return File{}, err
	}
	return f, Check(f)
}

// maxSize of a patch file: ten times the largest pull request anybody vendored. Diffs are held several times over.
const maxSize = 8 << 20

const tooLarge = "a change of that size belongs in a fork; give its clone with --source llama.cpp=PATH"

// checkText refuses what an editor or a mail program made of a patch. Neither could be told from what was meant: a patch
// whose last line end is missing would take it from the file too.
func checkText(name string, data []byte) diag.List {
	var list diag.List
	if len(data) > maxSize {
		list.Add(diag.Pos{File: name}, tooLarge, "the patch has %d MiB; %d are the most", len(data)>>20, maxSize>>20)
		return list
	}
	if at := headerOffset(data, 0); at >= 0 {
		if head, _, _ := bytes.Cut(data[at:], []byte("\n")); bytes.HasSuffix(head, []byte("\r")) {
			list.Add(diag.Pos{File: name, Line: bytes.Count(data[:at], []byte("\n")) + 1},
				"write the file with LF line ends: dos2unix, or sed -i 's/\\r$//'; git's own setting for that is core.autocrlf",
				"the patch has CRLF line ends")
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		list.Add(diag.Pos{File: name, Line: bytes.Count(data, []byte("\n")) + 1},
			"end the file with a line end, or write it anew if more than that was cut off", "the patch does not end in a newline")
	}
	return list
}

func withSource(list diag.List, name string, data []byte) error {
	if len(list) == 0 {
		return nil
	}
	err := &diag.Error{Problems: list.Sorted()}
	err.AddSource(name, data)
	return err
}

func check(name string, files []*gitdiff.File, lines []int) diag.List {
	var list diag.List
	if len(files) == 0 {
		list.Add(diag.Pos{File: name, Line: 1}, "remove the file, or write the change into it with \"git diff\" or \"git format-patch\"", "the patch changes nothing")
	}
	for i, f := range files {
		pos := diag.Pos{File: name, Line: lines[i]}
		checkPaths(&list, pos, f)
		checkKind(&list, pos, f)
		checkHunks(&list, pos, f)
	}
	return list
}

func checkPaths(list *diag.List, pos diag.Pos, f *gitdiff.File) {
	names := []string{f.OldName, f.NewName}
	if f.OldName == f.NewName || f.IsDelete {
		names = names[:1]
	} else if f.IsNew {
		names = names[1:]
	}
	for _, n := range names {
		if why := unsafePath(n); why != "" {
			list.Add(pos, "", "path %q %s", n, why)
		}
	}
	if len(names) == 2 && !f.IsRename && !f.IsCopy {
		list.Add(pos, `make the diff with "git diff", which says so`, "%q becomes %q, but not by a rename or a copy", f.OldName, f.NewName)
	}
}

// unsafePath says what is wrong with a path of the source tree, or "".
func unsafePath(p string) string {
	if p == "" || strings.HasPrefix(p, "/") {
		return "is not relative to the source tree"
	}
	if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return "has a control character or a backslash"
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "..":
			return "leaves the source tree"
		case part == "." || part == "":
			return "is not written in its shortest form"
		case strings.EqualFold(part, ".git"):
			return "is in git's own folder"
		}
	}
	return ""
}

func checkKind(list *diag.List, pos diag.Pos, f *gitdiff.File) {
	mode := f.NewMode
	if plain(mode) {
		mode = f.OldMode
	}
	switch {
	case mode&typeMask == typeSymlink:
		list.Add(pos, "", "%s is a symlink; patches may change plain files only", describe(f))
	case mode&typeMask == typeModule:
		list.Add(pos, "", "%s is a submodule; patches may change plain files only", describe(f))
	case !plain(mode):
		list.Add(pos, "", "%s has mode %o; patches may use 100644 and 100755 only", describe(f), mode)
	case f.IsBinary:
		list.Add(pos, "", "%s is changed as binary data; patches may change text only", describe(f))
	case !changes(f):
		list.Add(pos, `remove it, or write the patch anew with "git diff"`, "the entry of %s changes nothing", describe(f))
	}
}

func changes(f *gitdiff.File) bool {
	return len(f.TextFragments) > 0 || f.IsNew || f.IsDelete || f.IsRename || f.IsCopy || f.OldMode != f.NewMode
}

// maxLine is more than any source file has; git's own numbers overflow far beyond.
const maxLine = 1 << 30

func checkHunks(list *diag.List, pos diag.Pos, f *gitdiff.File) {
	for _, h := range f.TextFragments {
		if min(h.OldPosition, h.NewPosition) < 0 || max(h.OldPosition, h.NewPosition) > maxLine {
			list.Add(pos, "", "%s has the hunk %s: no file has such lines", describe(f), h.Header())
		}
	}
}
