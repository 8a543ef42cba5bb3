package dynlink

import (
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Problem is why the dynamic linker would not start a program, or load a library.
type Problem struct {
	File    string // whose need it is
	Library string // what it needs; "": the file itself cannot be read
	Version string // of the library's symbols; "": the library is not there
	Why     string // for Version, which file lacks it; else what else is to say, e.g. that it is damaged
}

// String is the problem in a sentence.
func (p Problem) String() string {
	switch {
	case p.Library == "":
		return fmt.Sprintf("%s: %s", p.File, p.Why)
	case p.Version != "":
		return fmt.Sprintf("%s needs version %s of %s, which %s has not", p.File, p.Version, p.Library, p.Why)
	}
	text := fmt.Sprintf("%s needs %s, which is not there", p.File, p.Library)
	if p.Why != "" {
		text += ": " + p.Why
	}
	return text
}

// Report is what was looked at and what is wrong.
type Report struct {
	Programs  int // that were started
	Libraries int // that these programs load, and those beside them that no program loads
	Problems  []Problem
}

// Check starts every program below a folder, as the dynamic linker does, and loads every library there that none of them
// loads. env is the programs' environment, NAME=VALUE.
func (t *Tree) Check(dir string, env []string) (*Report, error) {
	l, err := t.newLinker(env)
	if err != nil {
		return nil, err
	}
	r, loaded := &Report{}, map[string]bool{}
	t, dir = l.tree, l.tree.resolve(dir)+"/"
	var libraries []string
	for _, name := range slices.Sorted(maps.Keys(t.Files)) {
		switch f := t.Files[name]; {
		case !strings.HasPrefix(name, dir):
		case f.Interpreter == "" && f.Class == elf.ELFCLASS64:
			libraries = append(libraries, name)
		default:
			r.Programs++
			r.add(l.start(name, loaded))
		}
	}
	for _, name := range libraries {
		if !loaded[name] {
			r.add(l.start(name, loaded))
			loaded[name] = true
		}
	}
	for name, why := range t.Damaged {
		if strings.HasPrefix(name, dir) {
			r.add([]Problem{{File: name, Why: why.Error()}})
		}
	}
	r.Libraries = len(loaded)
	slices.SortFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Library, b.Library), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Why, b.Why))
	})
	return r, nil
}

// add takes problems that are not known yet: two programs load one library.
func (r *Report) add(problems []Problem) {
	for _, p := range problems {
		if !slices.Contains(r.Problems, p) {
			r.Problems = append(r.Problems, p)
		}
	}
}

// start loads a file and what it needs, breadth first, and marks the libraries in loaded.
func (l *linker) start(name string, loaded map[string]bool) []Problem {
	f := l.tree.Files[name]
	if f.Class != elf.ELFCLASS64 {
		return []Problem{{File: name, Why: "no 64-bit little-endian ELF file; nothing can be said of it"}}
	}
	p := &process{linker: l, byName: map[string]*object{}, byFile: map[string]*object{}, marks: loaded}
	root := &object{path: name, file: f}
	p.objects = []*object{root}
	p.byFile[name] = root
	p.name(f.Name, root)
	if f.Interpreter != "" {
		p.need(f.Interpreter, root)
	}
	for i := 0; i < len(p.objects); i++ {
		for _, needed := range p.objects[i].file.Needed {
			p.need(needed, p.objects[i])
		}
	}
	for _, o := range p.objects {
		p.versions(o)
	}
	return p.problems
}

// process is one start.
type process struct {
	*linker
	objects  []*object // in the order they are loaded
	byName   map[string]*object
	byFile   map[string]*object // without links
	marks    map[string]bool
	problems []Problem
}

// need loads a library, unless one of that name is loaded: it serves all who need it.
func (p *process) need(name string, by *object) {
	if _, ok := p.byName[name]; ok {
		return
	}
	p.byName[name] = nil // said once, whoever else needs it
	found := p.search(name, by)
	file := p.tree.resolve(found)
	switch {
	case found == "":
		p.problems = append(p.problems, Problem{File: by.path, Library: name})
		return
	case p.tree.Damaged[file] != nil:
		p.problems = append(p.problems, Problem{File: by.path, Library: name, Why: fmt.Sprintf("%s: %v", file, p.tree.Damaged[file])})
		return
	}
	o := p.byFile[file]
	if o == nil {
		o = &object{path: found, file: p.tree.Files[file], by: by}
		p.objects = append(p.objects, o)
		p.byFile[file] = o
		p.marks[file] = true
	}
	p.byName[name] = o
	p.name(o.file.Name, o)
}

// name makes a file known by the name it has itself.
func (p *process) name(name string, o *object) {
	if name != "" && p.byName[name] == nil {
		p.byName[name] = o
	}
}

// versions compares what a file wants of libraries with what they have. One without any versions serves all, as the linker has
// it.
func (p *process) versions(o *object) {
	for _, want := range o.file.Wants {
		lib := p.byName[want.Library]
		if lib == nil || want.Weak || len(lib.file.Defines) == 0 || slices.Contains(lib.file.Defines, want.Name) {
			continue
		}
		p.problems = append(p.problems, Problem{File: o.path, Library: want.Library, Version: want.Name, Why: lib.path})
	}
}
