package toolbox

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Managers, in the order in which they are looked for.
const (
	Toolbox   = "toolbox"
	Distrobox = "distrobox"
	Alone     = "podman" // podman alone
)

// Managers are all of them.
func Managers() []string { return []string{Toolbox, Distrobox, Alone} }

// CheckManager refuses a manager that is none, or not here. "" is any.
func CheckManager(name string) error {
	if name == "" {
		return nil
	}
	if !slices.Contains(Managers(), name) {
		return fmt.Errorf("%q: it makes no toolboxes: want %s", name, strings.Join(Managers(), ", "))
	}
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%q: it is not installed", name)
	}
	return nil
}

// Choose is the manager to use: the one that was asked for, else the first that is here and gives the container what it needs. why says what stands
// against toolbox(1), which either was asked for or is passed over.
func Choose(asked string, o Options) (name, why string) {
	if asked != "" {
		if asked == Toolbox {
			why = keepsNoGroups(o)
		}
		return asked, why
	}
	for _, m := range Managers() {
		if _, err := exec.LookPath(m); err != nil {
			continue
		}
		if m == Distrobox && o.Root { // it refuses root's shells, or those of sudo
			continue
		}
		if m == Toolbox && o.GroupsBy != "" {
			why = keepsNoGroups(o)
			continue
		}
		return m, why
	}
	return Alone, why
}

// keepsNoGroups warns of toolbox(1): its containers have all of /dev, and forget the groups of whoever enters.
func keepsNoGroups(o Options) string {
	if o.GroupsBy == "" {
		return ""
	}
	return fmt.Sprintf("%s is open to you as a member of a group, and toolbox(1) keeps no groups", o.GroupsBy)
}

// create is the command line that makes the container NAME of an image. What it is given besides is what its manager does not give anyway:
// toolbox(1) and distrobox make privileged containers, with all of /dev and without seccomp.
func create(s Spec, name, image string, o Options) call {
	switch s.Manager {
	case Toolbox: // takes no flags for podman: labels are its image's
		return call{words: []string{"toolbox", "create", "--assumeyes", "--image", image, name}}
	case Distrobox:
		return call{words: []string{"distrobox", "create", "--yes", "--no-entry", "--image", image, "--name", name,
			"--additional-flags", strings.Join(distroboxFlags(s, o), " ")}, env: distroboxEnv()}
	}
	return podman(slices.Concat([]string{"create", "--name", name}, aloneFlags(s, o), []string{image, "sleep", "infinity"})...)
}

// distroboxEnv makes distrobox use podman and ask nothing.
func distroboxEnv() []string {
	return []string{"DBX_CONTAINER_MANAGER=podman", "DBX_NON_INTERACTIVE=1"}
}

// distroboxFlags have no spaces: some versions of distrobox take them apart there, others give them to a shell.
func distroboxFlags(s Spec, o Options) []string {
	var out []string
	if h, err := os.Hostname(); err == nil { // distrobox makes it of the container's name, which may be the one that it has while it is made
		out = append(out, "--hostname="+s.Name+"."+h)
	}
	for _, l := range s.labels() {
		out = append(out, "--label="+l)
	}
	if o.Groups {
		out = append(out, "--group-add=keep-groups")
	}
	for _, w := range o.Security {
		out = append(out, "--security-opt="+w)
	}
	return out
}

// aloneFlags make a container that waits to be worked in: the user's home and network, the user's own name and number.
func aloneFlags(s Spec, o Options) []string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/root"
	}
	out := []string{"--hostname", s.Name, "--network", "host", "--ulimit", "host", "--stop-signal", "KILL", // sleep heeds no other
		"--security-opt", "label=disable", // SELinux would keep the home and the devices from it
		"--volume", home + ":" + home, "--workdir", home, "--env", "HOME=" + home}
	if !o.Root {
		out = append(out, "--userns", "keep-id")
		if o.Groups {
			out = append(out, "--group-add", "keep-groups")
		}
	}
	for _, d := range o.Devices {
		out = append(out, "--device", d)
	}
	for _, w := range o.Security {
		out = append(out, "--security-opt", w)
	}
	for _, l := range s.labels() {
		out = append(out, "--label", l)
	}
	return out
}

// try are the command lines that enter a container for the first time and do nothing there.
func try(manager, name string) []call {
	switch manager {
	case Toolbox:
		return []call{{words: []string{"toolbox", "run", "--container", name, "true"}}}
	case Distrobox:
		return []call{{words: []string{"distrobox", "enter", "--no-tty", "--name", name, "--", "true"}, env: distroboxEnv()}}
	}
	return []call{podman("start", name), podman("exec", name, "true")}
}

// Enter is what people type to work in a toolbox.
func Enter(manager, name string) string {
	switch manager {
	case Toolbox:
		return "toolbox enter " + name
	case Distrobox:
		return "distrobox enter " + name
	}
	return "podman start " + name + " && podman exec -it " + name + " bash"
}
