package dynlink

import (
	"debug/elf"
	_ "embed"
	"path"
	"slices"
	"strings"
	"sync"

	"strix-build/internal/strictyaml"
)

// machine is a row of folders.yaml; its fields are explained there.
type machine struct {
	Name     string   `yaml:"machine,required"`
	Folders  []string `yaml:"folders,required"`
	Lib      []string `yaml:"lib,required"`
	Platform string   `yaml:"platform,required"`
}

//go:embed folders.yaml
var foldersYAML []byte

var loadMachines = sync.OnceValues(func() (map[string]machine, error) {
	var t struct {
		Machines []machine `yaml:"machines,required"`
	}
	problems := strictyaml.Decode("internal/dynlink/folders.yaml", foldersYAML, &t)
	out := map[string]machine{}
	for _, m := range t.Machines {
		out[m.Name] = m
	}
	return out, problems.Err()
})

// object is a file that is loaded.
type object struct {
	path string // as it was found: $ORIGIN is its folder
	file *File
	by   *object // who needed it first; nil: the one that is started
}

// linker is one run of the dynamic linker for a tree.
type linker struct {
	tree     *Tree
	machines map[string]machine
	env      []string            // folders of LD_LIBRARY_PATH
	cache    map[string][]string // paths by name, of ld.so.cache
	conf     []string            // folders of ld.so.conf, in place of a cache
}

func (t *Tree) newLinker(env []string) (*linker, error) {
	machines, err := loadMachines()
	if err != nil {
		return nil, err
	}
	l := &linker{tree: t.settled(), machines: machines}
	for _, v := range env {
		if list, ok := strings.CutPrefix(v, "LD_LIBRARY_PATH="); ok {
			l.env = folders(list)
		}
	}
	if l.cache, err = readCache(t.Setup[cacheFile]); err != nil {
		l.conf = l.tree.confFolders()
	}
	return l, nil
}

// candidates are the paths where a library that o needs may be, in the order of ld.so(8).
func (l *linker) candidates(name string, o *object) []string {
	var dirs []string
	if len(o.file.RunPath) == 0 {
		for at := o; at != nil; at = at.by { // those of who needed it, too
			if len(at.file.RunPath) == 0 {
				dirs = append(dirs, l.expand(at, at.file.RPath)...)
			}
		}
	}
	dirs = append(dirs, l.env...)
	dirs = append(dirs, l.expand(o, o.file.RunPath)...)
	out := slices.Concat(below(dirs, name), l.cache[name])
	return append(out, below(slices.Concat(l.conf, l.machines[o.file.Machine.String()].Folders), name)...)
}

func below(dirs []string, name string) []string {
	out := make([]string, len(dirs))
	for i, dir := range dirs {
		out[i] = dir + "/" + name
	}
	return out
}

// expand replaces what a search path may have in place of words.
func (l *linker) expand(o *object, dirs []string) []string {
	m := l.machines[o.file.Machine.String()]
	var out []string
	for _, dir := range dirs {
		libs := []string{""}
		if strings.Contains(dir, "$LIB") || strings.Contains(dir, "${LIB}") {
			libs = m.Lib
		}
		for _, lib := range libs {
			out = append(out, strings.NewReplacer("${ORIGIN}", "/"+path.Dir(o.path), "$ORIGIN", "/"+path.Dir(o.path),
				"${LIB}", lib, "$LIB", lib, "${PLATFORM}", m.Platform, "$PLATFORM", m.Platform).Replace(dir))
		}
	}
	return out
}

// search finds the file that is loaded for a name; "": none. A file for another machine is passed over, as the linker
// does; one that is damaged ends the search.
func (l *linker) search(name string, o *object) string {
	if strings.Contains(name, "/") {
		return l.fits(name, o.file)
	}
	for _, at := range l.candidates(name, o) {
		if found := l.fits(at, o.file); found != "" {
			return found
		}
	}
	return ""
}

// fits returns a path, without links in its folders, if what is there is for the same machine, or damaged.
func (l *linker) fits(name string, wants *File) string {
	file := l.tree.resolve(name)
	if l.tree.Damaged[file] == nil {
		f := l.tree.Files[file]
		if f == nil || f.Class != elf.ELFCLASS64 || f.Machine != wants.Machine {
			return ""
		}
	}
	return l.tree.place(name)
}
