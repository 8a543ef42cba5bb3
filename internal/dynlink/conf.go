package dynlink

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// confFile is where a system says which folders have libraries.
const confFile = "etc/ld.so.conf"

// confFolders are the folders of ld.so.conf and of what it includes, in order.
func (t *Tree) confFolders() []string {
	var out []string
	t.readConf(confFile, map[string]bool{}, &out)
	return out
}

// readConf reads one file: folders, comments and lines "include GLOB…"; "hwcap" lines say nothing that matters here.
func (t *Tree) readConf(name string, seen map[string]bool, out *[]string) {
	if seen[name] {
		return
	}
	seen[name] = true
	for line := range strings.Lines(t.Setup[t.resolve(name)]) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n:,", r) })
		switch {
		case len(words) == 0 || words[0] == "hwcap":
		case words[0] == "include":
			for _, glob := range words[1:] {
				t.includeConf(name, glob, seen, out)
			}
		default:
			for _, dir := range words {
				dir, _, _ = strings.Cut(dir, "=") // a kind of library may follow, of libc 4 and 5
				*out = append(*out, dir)
			}
		}
	}
}

// includeConf reads the files of a glob, which is relative to the folder of the file that has it, sorted.
func (t *Tree) includeConf(from, glob string, seen map[string]bool, out *[]string) {
	if !path.IsAbs(glob) {
		glob = path.Join(path.Dir(from), glob)
	}
	glob = strings.TrimPrefix(path.Clean(glob), "/")
	for _, name := range slices.Sorted(maps.Keys(t.Setup)) {
		if ok, err := path.Match(glob, name); ok && err == nil {
			t.readConf(name, seen, out)
		}
	}
}
