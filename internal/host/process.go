package host

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Process finds the process that has a word among its arguments, such as the name of a socket that no other has. It sees
// those of containers too, whose engine runs on this machine; of an engine's client and what it runs, which have the same
// arguments but for the client's own, it is what is run. Errors that match fs.ErrNotExist: there is none.
func Process(word string) (pid int, err error) { return process(os.DirFS("/"), word) }

func process(root fs.FS, word string) (int, error) {
	files, err := fs.Glob(root, "proc/[0-9]*/cmdline")
	if err != nil {
		return 0, err
	}
	found, shortest := 0, 0
	for _, name := range files {
		data, err := fs.ReadFile(root, name)
		if err != nil { // it has ended meanwhile
			continue
		}
		args := bytes.Split(data, []byte{0})
		has := slices.ContainsFunc(args, func(arg []byte) bool { return string(arg) == word })
		if pid, err := strconv.Atoi(path.Base(path.Dir(name))); err == nil && has && (found == 0 || len(args) < shortest) {
			found, shortest = pid, len(args)
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("no process has the argument %q: %w", word, fs.ErrNotExist)
	}
	return found, nil
}

// Resident is the memory that a process holds, in bytes.
func Resident(pid int) (int64, error) { return resident(os.DirFS("/"), pid) }

func resident(root fs.FS, pid int) (int64, error) {
	text := field(root, fmt.Sprintf("proc/%d/status", pid), "VmRSS")
	if !strings.HasSuffix(text, " kB") {
		return 0, fmt.Errorf("process %d: its memory is not known", pid)
	}
	return kibibytes(text), nil
}
