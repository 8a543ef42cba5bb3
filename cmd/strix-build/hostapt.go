package main

import (
	"bytes"
	"os/exec"
	"regexp"
)

// aptAcquire are the host's settings that decide how packages are fetched: proxies and validity checks. Credentials
// and hooks stay on the host.
var aptAcquire = regexp.MustCompile(`(?m)^Acquire::(https?::Proxy|https?::Proxy::[^ ]+|Check-Valid-Until|Check-Date|ForceIPv[46]) .*;$`)

// aptSettings is empty on a host without apt.
func aptSettings() []byte {
	out, err := exec.Command("apt-config", "dump").Output()
	if err != nil {
		return nil
	}
	return bytes.Join(aptAcquire.FindAll(out, -1), []byte("\n"))
}
