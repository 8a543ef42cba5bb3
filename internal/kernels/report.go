package kernels

import "strix-build/internal/codeobject"

// Report is what is said of an image, and of what changed since another one.
type Report struct {
	Image   string            `json:"image"`
	Against string            `json:"against,omitempty"`
	Target  codeobject.Target `json:"target,omitempty"` // that the image was built for, where it says so

	Libraries []Library `json:"libraries"`
	Foreign   []Library `json:"foreign"` // code objects for other targets; none where the image names no target
	Groups    []Group   `json:"groups"`
	Kernels   []Kernel  `json:"kernels,omitempty"` // without a baseline
	Diff      *Diff     `json:"diff,omitempty"`    // with one
}

// NewReport compares the kernels of an image with those of a baseline, which may be nil.
func NewReport(target codeobject.Target, base, now *Set) *Report {
	r := &Report{Target: target, Libraries: append([]Library{}, now.Libraries...), Foreign: []Library{}, Groups: Groups(base, now)}
	if target != "" {
		r.Foreign = now.Foreign(target)
	}
	if base == nil {
		r.Kernels = sorted(now.Kernels)
	} else {
		r.Diff = Compare(base, now)
	}
	return r
}
