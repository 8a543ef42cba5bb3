package series

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"strix-build/internal/diag"
	"strix-build/internal/patch"
)

// digestMark stands in a vendored file's Origin before the digest of what was vendored. It is there, not in the state
// folder, so that every machine can tell an edit.
const digestMark = "; as vendored "

const digestLength = 12

// vendoredText is a patch file whose Origin tells what it was at first.
func vendoredText(h patch.Header, diff []byte) ([]byte, error) {
	read, err := patch.ReadHeader([]byte(h.String())) // as it is read later: without a [PATCH] in its title
	h.Origin += digestMark + vendoredDigest(read, diff)
	return slices.Concat([]byte(h.String()+"\n"), diff), err
}

// vendoredDigest is of what people may edit: the change and what is said of it. The status is left out, which moves with
// the set's.
func vendoredDigest(h patch.Header, diff []byte) string {
	h.Status, h.Origin = "", ""
	sum := sha256.Sum256(slices.Concat([]byte(h.String()), diff))
	return hex.EncodeToString(sum[:])[:digestLength]
}

// edited reports whether a vendored file is not what was vendored, or does not say.
func edited(h patch.Header, data []byte) bool {
	_, digest, ok := strings.Cut(h.Origin, digestMark)
	f, err := patch.NewFile("", data, diag.Pos{})
	return err != nil || !ok || digest != vendoredDigest(h, f.Data)
}

// compare says what becomes of each file of the folder. It refuses to take away what somebody else wrote, or changed.
func (v *Vendored) compare(fsys fs.FS, dir string) error {
	there, err := patchFiles(fsys, dir)
	if err != nil {
		return err
	}
	var own []string
	for _, name := range there {
		data, err := fs.ReadFile(fsys, path.Join(dir, name))
		if err != nil {
			return err
		}
		h, err := patch.ReadHeader(data)
		if err != nil || !strings.Contains(h.Origin+" ", fmt.Sprintf("/pull/%d,", v.opt.Number)) {
			return flag("%s has a patch that is not of pull request %d: %s; give another folder with --series", dir, v.opt.Number, name)
		}
		if v.meet(name, data) && edited(h, data) {
			own = append(own, name)
		}
	}
	if len(own) > 0 && !v.opt.Force {
		return flag("%s: edited since vendored, or of an older strix-build that did not note it: %s; give another folder with --series, or --force to replace",
			dir, strings.Join(own, ", "))
	}
	slices.SortFunc(v.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// meet sets the fate of a file that is there, and reports whether its text goes.
func (v *Vendored) meet(name string, data []byte) bool {
	at := slices.IndexFunc(v.Files, func(f File) bool { return f.Name == name })
	switch {
	case at < 0:
		v.Files = append(v.Files, File{Name: name, Fate: Removed})
	case bytes.Equal(v.Files[at].Data, data):
		v.Files[at].Fate = Unchanged
		return false
	default:
		v.Files[at].Fate = Changed
	}
	return true
}

// patchFiles lists the patches of a folder, which need not be there.
func patchFiles(fsys fs.FS, dir string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if numbered.MatchString(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, err
}
