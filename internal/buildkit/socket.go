package buildkit

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketPath is how long a unix socket's path may be (108 bytes with the ending NUL on Linux, 104 elsewhere).
const maxSocketPath = 103

const socketName = "buildkitd.sock"

// socketDir returns the folder for the daemon's sockets. It lies in the state folder
// when that path is short enough, else in tmp, under a name made from the state
// folder's. It depends on nothing in the environment (XDG_RUNTIME_DIR is set in a
// login and not in cron), so that every process comes to the same place.
func socketDir(stateDir, tmp string, uid int) string {
	dir := filepath.Join(stateDir, "run")
	if len(filepath.Join(dir, socketName)) <= maxSocketPath {
		return dir
	}
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(stateDir)))[:12]
	return filepath.Join(tmp, fmt.Sprintf("strix-build-%d", uid), name)
}

// makePrivate creates the folder for the sockets, for this user alone. buildkitd
// opens its socket to everyone (mode 0666), so the folder is what keeps others out;
// one that somebody else made is refused, and so is one in somebody else's folder
// outside the state folder (/tmp is open to all).
func makePrivate(dir, stateDir string, uid int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != stateDir {
		if err := checkOwner(parent, uid); err != nil {
			return err
		}
	}
	if err := checkOwner(dir, uid); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

func checkOwner(dir string, uid int) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() { // a link is not followed
		return fmt.Errorf("%q is not a folder", dir)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && int(sys.Uid) != uid {
		return fmt.Errorf("%q belongs to user %d, not to user %d who runs this", dir, sys.Uid, uid)
	}
	return nil
}
