package buildkit

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// daemonPIDs finds the processes that run with this configuration file, the
// outermost first (rootlesskit comes before the buildkitd in it). It asks /proc
// each time: a number kept in a file can belong to somebody else by now.
func daemonPIDs(toml string) []int {
	var found []proc
	for _, p := range processes() {
		args := strings.Split(string(p.read("cmdline")), "\x00")
		if i := slices.Index(args, "--config"); i >= 0 && i+1 < len(args) && args[i+1] == toml {
			p.born = p.startTime()
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b proc) int { return cmp.Or(cmp.Compare(a.born, b.born), cmp.Compare(a.pid, b.pid)) })
	pids := make([]int, len(found))
	for i, p := range found {
		pids[i] = p.pid
	}
	return pids
}

// proc is a process as /proc shows it. One that has ended reads as empty.
type proc struct {
	pid  int
	born uint64
}

func processes() []proc {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []proc
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			all = append(all, proc{pid: pid})
		}
	}
	return all
}

func (p proc) read(name string) []byte {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), name)) // gone: empty
	return data
}

// stat returns field n of /proc/PID/stat, counted from 1 as in proc(5), for n > 2;
// empty for a process that is gone. The name in field 2 may hold anything, so
// fields are counted from its closing bracket.
func (p proc) stat(n int) string {
	data := p.read("stat")
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < n-2 {
		return ""
	}
	return string(fields[n-3])
}

// startTime is in ticks since boot.
func (p proc) startTime() uint64 {
	ticks, _ := strconv.ParseUint(p.stat(22), 10, 64) // gone: 0
	return ticks
}

// ended says whether the process is gone or waits only to be reaped.
func (p proc) ended() bool {
	state := p.stat(3)
	return state == "" || state == "Z" || state == "X"
}

func exeOf(pid int) string {
	exe, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe")) // gone: empty
	return exe
}

// sweep ends what a killed daemon left behind: runc dies with it, but the
// containers' own processes and mounts do not. Each container has a folder under
// the root and a cgroup, both named by its id.
func sweep(root string, log *slog.Logger) {
	dirs, err := filepath.Glob(filepath.Join(root, "runc-*", "executor", "*", "rootfs"))
	if err != nil || len(dirs) == 0 {
		return
	}
	ids := make(map[string]bool)
	for _, d := range dirs {
		ids[filepath.Base(filepath.Dir(d))] = true
	}
	killContainers(ids, log)
	unmountUnder(root, log)
	for _, d := range dirs {
		if err := os.Remove(d); err != nil { // only ever an empty folder: never into a mount
			log.Debug("a killed daemon's folder stays", "path", d, "error", err)
		}
	}
}

// killContainers ends all processes of the containers and waits until they are gone.
func killContainers(ids map[string]bool, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		gone := true
		for _, p := range processes() {
			if inContainer(p.read("cgroup"), ids) && !p.ended() {
				gone = false
				err := syscall.Kill(p.pid, syscall.SIGKILL)
				log.Debug("ending a process of a killed daemon", "pid", p.pid, "error", err)
			}
		}
		return gone, nil
	})
	if err != nil {
		log.Debug("processes of a killed daemon stay", "error", err)
	}
}

// inContainer looks for an id as the last part of a cgroup's path ("9:pids:/buildkit/ID").
func inContainer(cgroup []byte, ids map[string]bool) bool {
	for line := range strings.Lines(string(cgroup)) {
		if ids[filepath.Base(strings.TrimSpace(line))] {
			return true
		}
	}
	return false
}

// unmountUnder takes away the mounts below root, the innermost first.
func unmountUnder(root string, log *slog.Logger) {
	var points []string
	for line := range strings.Lines(string(proc{pid: os.Getpid()}.read("mountinfo"))) {
		if f := strings.Fields(line); len(f) > 4 {
			point := unescape(f[4])
			if strings.HasPrefix(point, root+"/") {
				points = append(points, point)
			}
		}
	}
	slices.Sort(points)
	for _, point := range slices.Backward(points) {
		err := detach(point)
		log.Debug("unmounting what a killed daemon left", "path", point, "error", err)
	}
}

// unescape undoes the octal escapes of /proc/PID/mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
