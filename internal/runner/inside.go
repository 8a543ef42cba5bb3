package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// InsideCommand is how this program is told to be [Inside]; the next word is a mark, or only looked.
const InsideCommand = "inside"

// withoutFlag goes before the name of a variable, as env(1)'s.
const withoutFlag = "-u"

// onlyLook in a mark's place asks whether the program is there.
const onlyLook = "-"

// Statuses of a shell for what it cannot run.
const (
	statusNotStarted = 126
	statusNotFound   = 127
)

// Inside runs a program where only who started it can tell what it took: as the first process of an engine's container, and
// on another host. args are a mark, the program and its arguments; what it took is written to standard error behind the mark,
// as JSON, where the mark is not "". The status is the program's, as a shell has it. Between mark and program, -u NAME takes a
// variable away from it.
func Inside(args []string) int {
	if len(args) < 2 {
		return statusNotFound
	}
	mark, args := args[0], args[1:]
	for len(args) > 2 && args[0] == withoutFlag {
		os.Unsetenv(args[1])
		args = args[2:]
	}
	name := args[0]
	path, err := lookInside(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: there is no such program\n", name)
		return statusNotFound
	}
	if mark == onlyLook {
		return 0
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := start(cmd); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return statusNotStarted
	}
	_ = cmd.Wait() // the state has it all
	if data, err := json.Marshal(usage(cmd.ProcessState)); err == nil && mark != "" {
		fmt.Fprintf(os.Stderr, "\x00%s %s\n", mark, data)
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// start starts a program that is asked to end where we are. The first process of a container is asked alone; elsewhere the
// whole group is.
func start(cmd *exec.Cmd) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		for s := range asked {
			if os.Getpid() == 1 {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	return nil
}

// elsewhere is where upstream's own images have their programs, and not on their PATH.
const elsewhere = "/app"

func lookInside(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || filepath.Base(name) != name {
		return path, err
	}
	if app := filepath.Join(elsewhere, name); executable(app) {
		return app, nil
	}
	return "", err
}
