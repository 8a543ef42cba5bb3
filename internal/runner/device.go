package runner

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// nodes are the device nodes of a GPU, which may be folders of such, and the rules that allow them.
func (g *GPU) nodes() (devices, allowed []object, err error) {
	if g == nil {
		return nil, nil, nil
	}
	for _, root := range g.Devices {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type()&fs.ModeCharDevice == 0 {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				return fmt.Errorf("%q: no device number", path)
			}
			major, minor := deviceNumber(uint64(st.Rdev))
			devices = append(devices, object{"path": path, "type": "c", "major": major, "minor": minor, "fileMode": 0o666, "uid": 0, "gid": 0})
			allowed = append(allowed, object{"allow": true, "type": "c", "major": major, "minor": minor, "access": "rwm"})
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("device %q: %w", root, err)
		}
	}
	return devices, allowed, nil
}

// deviceNumber takes a device number apart as the kernel puts it together.
func deviceNumber(n uint64) (major, minor uint64) {
	return n>>8&0xfff | n>>32&^uint64(0xfff), n&0xff | n>>12&^uint64(0xff)
}
