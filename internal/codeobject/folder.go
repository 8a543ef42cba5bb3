package codeobject

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// inNames finds GPU names in file names: Kernels.so-000-gfx90a-xnack+.hsaco is gfx90a's.
var inNames = regexp.MustCompile(targetExpr)

func targetsInName(name string) []Target {
	var out []Target
	for _, m := range inNames.FindAllString(name, -1) {
		out = append(out, Target(m))
	}
	return targetSet(out)
}

// member is one file or link of a folder of per-GPU files.
type member struct {
	path    string // below the folder
	targets []Target
	size    int64
	link    bool
	kept    bool
	sum     string
}

// cutFolder removes the files whose names (or sub-folders' names) hold GPU names and no kept one. Files without a GPU's
// name are every GPU's.
func cutFolder(ctx context.Context, dir string, keep []Target) (File, error) {
	f := File{Kind: KindFolder, TargetsBefore: []Target{}, TargetsAfter: []Target{}, Objects: []CodeObject{}}
	members, err := readFolder(dir, keep)
	if err != nil {
		return f, err
	}
	var before, after []Target
	for _, m := range members {
		f.Before += m.size
		before = append(before, m.targets...)
		if !m.kept {
			f.Dropped++
			continue
		}
		f.Kept++
		f.After += m.size
		after = append(after, m.targets...)
	}
	f.TargetsBefore, f.TargetsAfter = targetSet(before), targetSet(after)
	if len(f.TargetsAfter) == 0 && len(f.TargetsBefore) > 0 {
		return f, noneKept(keep, f.TargetsBefore)
	}
	if err := checkLinks(dir, members); err != nil {
		return f, err
	}
	if err := sumKept(ctx, dir, members); err != nil {
		return f, err
	}
	for _, m := range members {
		if m.kept {
			continue
		}
		if err := os.Remove(filepath.Join(dir, m.path)); err != nil {
			return f, err
		}
	}
	return f, f.proveFolder(ctx, dir, members, keep)
}

// readFolder lists the files and links below dir by path.
func readFolder(dir string, keep []Target) ([]member, error) {
	var members []member
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		m := member{path: rel, targets: targetsInName(filepath.ToSlash(rel)), link: !st.Mode().IsRegular()}
		if !m.link {
			m.size = st.Size()
		}
		m.kept = len(m.targets) == 0 || slices.ContainsFunc(m.targets, func(t Target) bool { return slices.Contains(keep, t) })
		members = append(members, m)
		return nil
	})
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.path, b.path) })
	return members, err
}

// checkLinks refuses a cut that would leave a kept link without its file.
func checkLinks(dir string, members []member) error {
	dropped := map[string]bool{}
	for _, m := range members {
		dropped[m.path] = !m.kept
	}
	for _, m := range members {
		if !m.link || !m.kept {
			continue
		}
		to, err := os.Readlink(filepath.Join(dir, m.path))
		if err != nil {
			return err
		}
		if target := filepath.Join(filepath.Dir(m.path), to); dropped[target] {
			return fmt.Errorf("link %q leads to %q, which is another GPU's; keep that GPU too", m.path, target)
		}
	}
	return nil
}

// sumKept digests the kept files that are some GPU's.
func sumKept(ctx context.Context, dir string, members []member) error {
	for i := range members {
		m := &members[i]
		if !m.kept || m.link || len(m.targets) == 0 {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		if m.sum, err = sumFile(filepath.Join(dir, m.path)); err != nil {
			return err
		}
	}
	return nil
}

func sumFile(path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// proveFolder reads the folder again: just the kept members are left, and the GPUs' files have the bytes they had.
func (f *File) proveFolder(ctx context.Context, dir string, members []member, keep []Target) error {
	left, err := readFolder(dir, keep)
	if err != nil {
		return err
	}
	if err := sumKept(ctx, dir, left); err != nil {
		return err
	}
	kept := slices.DeleteFunc(members, func(m member) bool { return !m.kept })
	same := func(a, b member) bool {
		return a.path == b.path && a.kept == b.kept && a.size == b.size && a.sum == b.sum
	}
	if !slices.EqualFunc(kept, left, same) {
		return errors.New("the folder's files are not the kept ones")
	}
	for i, m := range left {
		if m.sum == "" {
			continue
		}
		target := m.targets[slices.IndexFunc(m.targets, func(t Target) bool { return slices.Contains(keep, t) })]
		f.Objects = append(f.Objects, CodeObject{
			Name: filepath.ToSlash(m.path), Target: target, Size: m.size, Before: kept[i].sum, Written: m.sum,
		})
	}
	return nil
}
