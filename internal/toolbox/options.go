package toolbox

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"strix-build/internal/graph"
)

// Options are what a container is given of this machine: what its image asks for, as far as it is here.
type Options struct {
	Root     bool     // for root: no group matters
	Devices  []string // nodes, or folders of nodes
	Groups   bool     // the user's own, kept
	Security []string
	GroupsBy string // the first of the devices that only a group opens to this user; "": none
}

// Machine is what is asked of this one.
type Machine struct {
	Root    bool
	Exists  func(path string) bool
	Group   func(name string) (known, member bool) // is there such a group, and is the user in it
	ByGroup func(device string) bool               // is it a group alone that opens a device to the user
}

// Here is this machine, as it looks to whoever runs us.
func Here() Machine {
	return Machine{
		Root:    os.Geteuid() == 0,
		Exists:  func(path string) bool { _, err := os.Stat(path); return err == nil },
		Group:   lookupGroup,
		ByGroup: openedByGroup,
	}
}

func lookupGroup(name string) (known, member bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return false, false
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return true, false
	}
	mine, err := os.Getgroups()
	return true, err == nil && slices.Contains(append(mine, os.Getegid()), id)
}

// openedByGroup looks at a node, or at all below a folder.
func openedByGroup(device string) bool {
	found := false
	_ = filepath.WalkDir(device, func(path string, d fs.DirEntry, err error) error { // what cannot be read is not opened by a group either
		if err == nil && d.Type()&fs.ModeCharDevice != 0 {
			found = found || nodeByGroup(path)
		}
		return nil
	})
	return found
}

func nodeByGroup(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o006 == 0o006 || int(st.Uid) == os.Geteuid() {
		return false
	}
	if n, err := unix.Getxattr(path, "system.posix_acl_access", nil); err == nil && n > 0 { // systemd-logind's, for who sits before the machine
		return false
	}
	return unix.Access(path, unix.R_OK|unix.W_OK) == nil
}

// Fit is what an image that says so in its labels is given of a machine, and what people should know of the rest.
func Fit(labels map[string]string, m Machine) (Options, []string) {
	list := func(label string) []string {
		return strings.FieldsFunc(labels[label], func(r rune) bool { return r == ',' })
	}
	o := Options{Root: m.Root, Security: list(graph.LabelSecurity)}
	var notes []string
	for _, d := range list(graph.LabelDevices) {
		if !m.Exists(d) {
			notes = append(notes, fmt.Sprintf("device %s is not on this machine: left out", d))
			continue
		}
		o.Devices = append(o.Devices, d)
		if o.GroupsBy == "" && !m.Root && m.ByGroup(d) {
			o.GroupsBy = d
		}
	}
	for _, g := range list(graph.LabelGroups) {
		known, member := m.Group(g)
		switch {
		case m.Root: // opens every device
		case !known:
			notes = append(notes, fmt.Sprintf("group %s is not on this machine: left out", g))
		case !member:
			notes = append(notes, fmt.Sprintf("you are not in group %s: sudo usermod -aG %s $USER, then log in again", g, g))
		default:
			o.Groups = true
		}
	}
	return o, notes
}
