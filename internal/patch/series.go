package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
)

// patchName is git format-patch's way to name files; the number is the order.
var patchName = regexp.MustCompile(`^\d{4}-.*\.patch$`)

// ReadSeries reads the patch files of a variant that is a series, in the order of their numbers, normalised and
// checked. A variant that is a pull request is an error: its diff comes from the repository.
func ReadSeries(fsys fs.FS, s *Set, v *Variant) ([]File, error) {
	if v.Series.Value == "" {
		return nil, fmt.Errorf("read series of patch set %q: variant %s is a pull request", s.Name, v.Window)
	}
	dir := path.Join(root, s.Name, v.Series.Value)
	names, err := seriesNames(fsys, dir, v)
	if err != nil {
		return nil, err
	}
	var files []File
	var all diag.Error
	for _, name := range names {
		f, err := readFile(fsys, s, v, name)
		if err := merge(&all, err); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(all.Problems) > 0 {
		return nil, &all
	}
	return files, nil
}

// seriesNames lists the patch files of a series folder. What would silently stay out of the build, or be applied at
// another place than meant, is a problem.
func seriesNames(fsys fs.FS, dir string, v *Variant) ([]string, error) {
	var list diag.List
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		list.Add(v.Series.Pos, noFolder, "series %q: no folder %s", v.Series.Value, dir)
		return nil, filled(list, fsys)
	}
	var names []string
	for _, e := range entries {
		pos := diag.Pos{File: path.Join(dir, e.Name())}
		switch {
		case patchName.MatchString(e.Name()) && !e.IsDir():
			names = append(names, e.Name())
		case path.Ext(e.Name()) == ".patch" || path.Ext(e.Name()) == ".diff":
			list.Add(pos, "rename it to NNNN-name.patch; the number is its place in the series",
				"the name of a patch in a series begins with four digits and ends in .patch")
		case e.Name() == "series":
			list.Add(pos, "remove it; the numbers of the files are the order", "a list of patches is not read")
		}
	}
	if len(names) == 0 && len(list) == 0 {
		list.Add(v.Series.Pos, "put the patch there, as git format-patch writes it, or remove the variant",
			"series %q: %s holds no NNNN-name.patch file", v.Series.Value, dir)
	}
	checkNumbers(&list, dir, names)
	return names, filled(list, fsys)
}

// checkNumbers reports numbers that are there twice and numbers that are left out: a file is missing then, or the order
// is not the one that was meant.
func checkNumbers(list *diag.List, dir string, names []string) {
	const digits = 4
	for i, name := range names {
		before := "0000"
		if i > 0 {
			before = names[i-1][:digits]
		}
		was, _ := strconv.Atoi(before)
		is, _ := strconv.Atoi(name[:digits])
		pos := diag.Pos{File: path.Join(dir, name)}
		switch {
		case is == was && i > 0:
			list.Add(pos, "renumber the files; the number is the place in the series", "%s is the number of %s too", before, names[i-1])
		case is != was+1:
			list.Add(pos, "add the missing file, or renumber those behind it", "the series has no patch %04d before this one", was+1)
		}
	}
}

func readFile(fsys fs.FS, s *Set, v *Variant, name string) (File, error) {
	file := path.Join(root, s.Name, v.Series.Value, name)
	f, err := strictyaml.Once(fsys, fmt.Sprintf("%s for %s", file, v.Pos), func() (*File, error) {
		if err := checkPlain(fsys, file); err != nil {
			return nil, err
		}
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read patch: %w", err)
		}
		f, err := NewFile(file, data, v.Pos)
		return &f, err
	})
	if err != nil {
		return File{}, err
	}
	f.Name = path.Join(s.Name, name)
	return *f, nil
}

// checkPlain looks at a patch file before it is read: a link could bring in what is not the project's, and a pipe or a huge
// file would hold everything up.
func checkPlain(fsys fs.FS, file string) error {
	info, err := fs.Lstat(fsys, file)
	if err != nil {
		return fmt.Errorf("read patch: %w", err)
	}
	var list diag.List
	switch pos := (diag.Pos{File: file}); {
	case !info.Mode().IsRegular():
		list.Add(pos, "put the patch itself there", "a patch must be a plain file, not %s", kindOf(info.Mode()))
	case info.Size() > maxSize:
		list.Add(pos, tooLarge, "the patch has %d MiB; %d are the most", info.Size()>>20, maxSize>>20)
	}
	return list.Err()
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a folder"
	}
	return "a device or pipe"
}

// merge moves err's problems into all. What is no *diag.Error is returned.
func merge(all *diag.Error, err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	all.Problems = append(all.Problems, e.Problems...)
	for file, text := range e.Sources {
		all.AddSource(file, text)
	}
	return nil
}

// Digest is the hex sha256 of the files' normalised diffs, one after the other. For a single file it is what
// sha256sum prints.
func Digest(files []File) string {
	h := sha256.New()
	for _, f := range files {
		h.Write(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
