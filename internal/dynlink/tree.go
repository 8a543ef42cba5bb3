// Package dynlink says whether the dynamic linker would find what programs and libraries need: each library, and in it the
// versions of symbols that they were linked with.
//
// It follows glibc's ld.so(8) over a tree of files that somebody else read, and runs nothing. It does not look at single symbols, nor
// for what a program opens by name itself (dlopen). Where there is no ld.so.cache it looks where ldconfig would.
package dynlink

import (
	"path"
	"strings"
)

// Tree is the files of an image or a folder, as its programs see them. Paths are below the root, without a slash before
// them.
type Tree struct {
	Files   map[string]*File  // ELF files
	Damaged map[string]error  // those that could not be read
	Links   map[string]string // symbolic links, with what they say
	Setup   map[string]string // the content of the linker's own files, see IsSetup
}

// NewTree returns an empty tree.
func NewTree() *Tree {
	return &Tree{Files: map[string]*File{}, Damaged: map[string]error{}, Links: map[string]string{}, Setup: map[string]string{}}
}

// IsSetup reports whether a file says where libraries are: ld.so.conf, what it usually includes, and ld.so.cache.
func IsSetup(name string) bool {
	return name == confFile || name == cacheFile || path.Dir(name) == confFile+".d"
}

const maxLinks = 40 // in one path, as Linux has it

// resolve follows the links in a path; "" where they lead in a circle. The root's parent is the root.
func (t *Tree) resolve(name string) string {
	at, links := "", 0
	for todo := strings.Split(name, "/"); len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at, _ = path.Split(at)
			at = strings.TrimSuffix(at, "/")
			continue
		}
		next := path.Join(at, part)
		to, ok := t.Links[next]
		if !ok {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return ""
		}
		if strings.HasPrefix(to, "/") {
			at = ""
		}
		todo = append(strings.Split(to, "/"), todo...)
	}
	return at
}

// settled is the tree with each path as it is without links in its folders: layers may say lib/x where lib is a link to
// usr/lib.
func (t *Tree) settled() *Tree {
	out := &Tree{Files: map[string]*File{}, Damaged: map[string]error{}, Links: map[string]string{}, Setup: t.Setup}
	for name, to := range t.Links {
		out.Links[t.place(name)] = to
	}
	for name, f := range t.Files {
		out.Files[out.place(name)] = f
	}
	for name, err := range t.Damaged {
		out.Damaged[out.place(name)] = err
	}
	return out
}

// place follows the links in a path's folder, and not one of the path's own.
func (t *Tree) place(name string) string {
	dir, base := path.Split(name)
	return path.Join(t.resolve(dir), base)
}
