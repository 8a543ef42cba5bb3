package series

import (
	"io/fs"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// system notes the rest of what git compares. Without it git would read all files once to see that none changed.
func system(e *index.Entry, info fs.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	e.CreatedAt = time.Unix(st.Ctim.Unix())
	e.Dev, e.Inode = uint32(st.Dev), uint32(st.Ino) //nolint:gosec // git keeps the lower 32 bits too
	e.UID, e.GID = st.Uid, st.Gid
}
