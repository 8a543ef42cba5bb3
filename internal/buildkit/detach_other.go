//go:build !linux

package buildkit

import "errors"

// detach has nothing to do where buildkitd's OCI worker does not run.
func detach(string) error { return errors.ErrUnsupported }
