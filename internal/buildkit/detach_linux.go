package buildkit

import "syscall"

func detach(path string) error { return syscall.Unmount(path, syscall.MNT_DETACH) }
