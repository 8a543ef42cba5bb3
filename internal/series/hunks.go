package series

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"strix-build/internal/patch"
)

// nameWidth is how much of a line git puts behind a hunk's numbers.
const nameWidth = 80

// nameHunks adds to each hunk the line that git would: the last one before it that begins with a letter, which in C is
// the function's head.
func nameHunks(diff []byte, before patch.Tree) ([]byte, error) {
	files, _, err := gitdiff.Parse(bytes.NewReader(diff))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.IsNew || f.IsBinary {
			continue
		}
		b, err := before.Read(f.OldName)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a symlink or submodule, which is refused later
		}
		if err != nil {
			return nil, err
		}
		lines := bytes.Split(b.Data, []byte("\n"))
		for _, frag := range f.TextFragments {
			frag.Comment = heading(lines, int(frag.OldPosition)-1)
		}
	}
	return text(files), nil
}

// heading looks upwards from the line before index at.
func heading(lines [][]byte, at int) string {
	for i := min(at, len(lines)) - 1; i >= 0; i-- {
		l := lines[i]
		if len(l) > 0 && (l[0] == '_' || l[0] == '$' || l[0]|0x20 >= 'a' && l[0]|0x20 <= 'z') {
			return string(bytes.TrimRight(l[:min(len(l), nameWidth)], " \t\r\v\f"))
		}
	}
	return ""
}
