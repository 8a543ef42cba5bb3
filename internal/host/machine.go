package host

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Machine is what is read of a machine before programs are measured on it.
type Machine struct {
	Facts   Facts
	Targets []string // see [Targets]
}

// Here reads this machine.
func Here() Machine { return Machine{Facts: Read(), Targets: Targets()} }

// cpusName stands for the number of processors among the files of another machine.
const cpusName = "cpus"

// Script prints, run by a POSIX shell on another Linux machine, what [Parse] reads: of each file a NUL, "=", its path, a line
// end and its content, and of each link a NUL, "@", its path, a line end and where it leads.
var Script = `cd /
file() { printf '\000=%s\n' "$1"; cat "$1"; }
for f in ` + strings.Join(allFiles(), " ") + `; do
	if [ -h "$f" ]; then
		to=$(readlink "$f")
		printf '\000@%s\n%s\n' "$f" "$to"
		f=sys/module/${to##*/}/version
	fi
	[ ! -f "$f" ] || file "$f"
done 2>/dev/null
printf '\000=` + cpusName + `\n'
nproc`

func allFiles() []string {
	one := []string{cpuFile, memoryFile, kernelFile, driverLink, nvidiaFile, targetFile}
	return slices.Concat(one, boardFiles, biosFiles, limitFiles, powerFiles, firmwareFiles)
}

// Parse reads a machine from what [Script] printed there. What is not in it, or cannot be read, is unknown.
func Parse(printed []byte) Machine {
	root := files{}
	for part := range strings.SplitSeq(string(printed), "\x00") {
		head, content, ok := strings.Cut(part, "\n")
		if !ok || len(head) < 2 {
			continue
		}
		root[head[1:]] = entry{link: head[0] == '@', content: content}
	}
	m := Machine{Facts: read(root), Targets: targets(root)}
	m.Facts.CPUs, _ = strconv.Atoi(strings.TrimSpace(root[cpusName].content))
	return m
}

// files are files of another machine by path, as a file system that only has whole ones.
type files map[string]entry

type entry struct {
	link    bool
	content string
}

func (f files) get(op, name string, link bool) (string, error) {
	e, ok := f[name]
	if !ok || e.link != link {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return e.content, nil
}

// Open implements [fs.FS]; no file is read by pieces.
func (f files) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// ReadFile implements [fs.ReadFileFS].
func (f files) ReadFile(name string) ([]byte, error) {
	text, err := f.get("read", name, false)
	return []byte(text), err
}

// ReadLink implements [fs.ReadLinkFS].
func (f files) ReadLink(name string) (string, error) {
	text, err := f.get("readlink", name, true)
	return strings.TrimSuffix(text, "\n"), err
}

// Lstat implements [fs.ReadLinkFS].
func (f files) Lstat(name string) (fs.FileInfo, error) {
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrInvalid}
}

// Glob implements [fs.GlobFS].
func (f files) Glob(pattern string) ([]string, error) {
	var out []string
	for name := range f {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
