package runner

import "syscall"

// ownGroup keeps the terminal's Ctrl-C from a process, which is ended by us, and ends it where we are killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
