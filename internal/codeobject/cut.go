package codeobject

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Format is raised when the same libraries are cut to other bytes: images are built anew then, and only then.
const Format = 2

// CutTree cuts what the globs match below root down to the GPU targets in keep.
//
// A glob is relative to root, in filepath.Match's syntax. A match is a shared library, or a folder of per-GPU files as
// rocBLAS has: of those the ones whose names hold other GPUs' names are removed. Symbolic links are not followed, in no
// part of the path. A library is written whole beside itself and renamed, with mode, owner and modification time kept.
//
// It reads what it wrote back and returns an error unless every kept code object has the bytes it had, nothing of
// another target is left, the library's pointers lead to the same bundles and everything else is as it was. It is an
// error too if a glob matches nothing, or if nothing for any kept target would be left of a library or folder that has
// GPU code: that one is then left as it is. What was cut before an error stays cut. log gets a line per match; it may
// be nil.
func CutTree(ctx context.Context, root string, globs, keep []string, log func(string)) (*Report, error) {
	targets, err := parseKeep(keep)
	if err != nil {
		return nil, err
	}
	paths, err := matches(root, globs)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(paths))
	for _, path := range paths {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f, err := cutPath(ctx, filepath.Join(root, path), targets)
		if err != nil {
			return nil, fmt.Errorf("cut %s: %w", path, err)
		}
		f.Path = filepath.ToSlash(path)
		files = append(files, f)
		if log != nil {
			log(f.summary())
		}
	}
	return newReport(targets, files), nil
}

func cutPath(ctx context.Context, path string, keep []Target) (File, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return File{}, err
	}
	if st.IsDir() {
		return cutFolder(ctx, path, keep)
	}
	return cutLibrary(ctx, path, st, keep)
}

// matches expands the globs to the paths of real files and folders below root, sorted, each once.
func matches(root string, globs []string) ([]string, error) {
	var all []string
	for _, glob := range globs {
		if !filepath.IsLocal(glob) {
			return nil, fmt.Errorf("glob %q does not stay below the root", glob)
		}
		found, err := fs.Glob(os.DirFS(root), filepath.ToSlash(filepath.Clean(glob)))
		if err != nil {
			return nil, fmt.Errorf("glob %q: %w", glob, err)
		}
		links := len(found)
		found = slices.DeleteFunc(found, func(p string) bool { return throughLink(root, p) })
		links -= len(found)
		switch {
		case len(found) == 0 && links > 0:
			return nil, fmt.Errorf("glob %q matches nothing but symbolic links below %s", glob, root)
		case len(found) == 0:
			return nil, fmt.Errorf("glob %q matches nothing below %s", glob, root)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// throughLink says whether any part of the path below root is a symbolic link. Below a root that is not this machine's
// own, an absolute link would lead out of it.
func throughLink(root, path string) bool {
	for ; path != "."; path = filepath.Dir(path) {
		st, err := os.Lstat(filepath.Join(root, path))
		if err != nil || st.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

func cutLibrary(ctx context.Context, path string, st fs.FileInfo, keep []Target) (File, error) {
	f := File{Kind: KindLibrary, Before: st.Size(), After: st.Size(), TargetsBefore: []Target{}, TargetsAfter: []Target{}, Objects: []CodeObject{}}
	l, err := Open(path)
	if err != nil {
		return f, err
	}
	defer l.Close()
	bundles, err := l.bundles()
	if err != nil || len(bundles) == 0 {
		return f, err
	}
	f.Bundles, f.TargetsBefore = len(bundles), targetsOf(bundles)
	keeps := func(e Entry) bool { return e.Target == "" || slices.Contains(keep, e.Target) }
	for _, b := range bundles {
		for _, e := range b.Entries {
			switch {
			case !keeps(e):
				f.Dropped++
			case e.Target != "":
				f.Kept++
			}
		}
	}
	if f.Kept == 0 {
		return f, noneKept(keep, f.TargetsBefore)
	}
	if f.Dropped == 0 {
		return f, f.recordUncut(ctx, bundles)
	}
	return f, f.rewrite(ctx, l, path, bundles, keeps)
}

func noneKept(keep, has []Target) error {
	return fmt.Errorf("holds no code for %s; it has code for %s", joinTargets(keep), joinTargets(has))
}

// recordUncut lists the code objects of a library that has nothing to drop and is not written.
func (f *File) recordUncut(ctx context.Context, bundles []*Bundle) error {
	f.TargetsAfter = f.TargetsBefore
	for i, b := range bundles {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		digests, err := b.digests()
		if err != nil {
			return err
		}
		f.record(i, digests, digests)
	}
	return nil
}

// record adds a bundle's code objects, without the host's entry.
func (f *File) record(bundle int, before, written []objectDigest) {
	for i, d := range before {
		if d.Target != "" {
			f.Objects = append(f.Objects, CodeObject{
				Bundle: bundle, ID: d.ID, Target: d.Target, Size: d.Size, Before: d.SHA256, Written: written[i].SHA256,
			})
		}
	}
}

// rewrite writes the cut library beside the original, proves it and puts it in its place.
func (f *File) rewrite(ctx context.Context, l *Library, path string, bundles []*Bundle, keeps func(Entry) bool) (err error) {
	wrappers, found, err := l.links(bundles)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".cut-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	kept, err := writeCut(ctx, l, out, bundles, found, keeps)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	written, targets, err := prove(ctx, l, out.Name(), proof{wrappers: wrappers, found: found, kept: kept})
	if err != nil {
		return fmt.Errorf("the cut library is not what it should be: %w", err)
	}
	for i := range kept {
		f.record(i, kept[i], written[i])
	}
	f.TargetsAfter = targets
	if f.After, err = replace(out.Name(), path); err != nil {
		return err
	}
	return nil
}

func writeCut(ctx context.Context, l *Library, out *os.File, bundles []*Bundle, found []pointer, keeps func(Entry) bool) ([][]objectDigest, error) {
	p, err := l.newPacker(out, bundles)
	if err != nil {
		return nil, err
	}
	kept, err := p.addAll(ctx, bundles, keeps)
	if err != nil {
		return nil, err
	}
	return kept, p.finish(found)
}

// replace gives the new file the old one's owner, mode and time, and its name. It returns the new size.
func replace(from, to string) (int64, error) {
	st, err := os.Stat(to)
	if err != nil {
		return 0, err
	}
	if owner, ok := st.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(from, int(owner.Uid), int(owner.Gid)); err != nil {
			return 0, err
		}
	}
	if err := os.Chmod(from, st.Mode()); err != nil { // after chown, which clears set-id bits
		return 0, err
	}
	if err := os.Chtimes(from, time.Time{}, st.ModTime()); err != nil {
		return 0, err
	}
	now, err := os.Stat(from)
	if err != nil {
		return 0, err
	}
	return now.Size(), os.Rename(from, to)
}
