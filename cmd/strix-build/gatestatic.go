package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"strix-build/internal/codeobject"
	"strix-build/internal/gate"
	"strix-build/internal/graph"
	"strix-build/internal/kernels"
)

// staticChecks look into a candidate without running it. A candidate without kernels has nothing that is looked at yet.
func (a *app) staticChecks(ctx context.Context, o subjectFlags, policy gate.Policy) ([]gate.Check, error) {
	name := o.image + o.bin
	r := &kernelReader{app: a, library: "*", layers: map[string]*kernelLayer{}}
	allowed, everywhere := []codeobject.Target{}, true
	if o.image != "" {
		img, err := a.findImage(o.image)
		if err != nil || img == nil { // one that only an engine has is not read
			return nil, err
		}
		cfg, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		keep := cfg.Config.Labels[graph.LabelKeep]
		everywhere = keep != ""
		for target := range strings.SplitSeq(keep+","+cfg.Config.Labels[graph.LabelTarget], ",") {
			if target != "" {
				allowed = append(allowed, codeobject.Target(target))
			}
		}
	} else if strings.HasPrefix(policy.Device, "gfx") {
		allowed = append(allowed, codeobject.Target(policy.Device))
	}
	var set *kernels.Set
	err := a.step("static: the kernels of "+name, func(io.Writer) (err error) {
		set, _, err = r.set(ctx, name)
		return err
	})
	if err != nil || len(set.Libraries) == 0 || len(allowed) == 0 {
		return nil, err
	}
	if !everywhere { // the distribution's libraries are as it ships them
		set.Libraries = slices.DeleteFunc(set.Libraries, func(l kernels.Library) bool { return !strings.HasPrefix(l.Path, ownLibraries) })
	}
	return []gate.Check{targetCheck(set, allowed)}, nil
}

// ownLibraries is where an image has llama.cpp's.
const ownLibraries = "usr/local/"

// targetCheck refuses code for other GPUs than the image is for: bytes that nobody needs, and the sign of a flag that did not
// take effect.
func targetCheck(set *kernels.Set, allowed []codeobject.Target) gate.Check {
	c := gate.Check{Stage: gate.Static, Name: "GPU targets", OK: true}
	objects, foreign := 0, []string{}
	for _, l := range set.Libraries {
		for _, o := range l.Objects {
			objects++
			if slices.Contains(allowed, o.Target) {
				continue
			}
			if text := fmt.Sprintf("%s in %s", o.Target, l.Path); !slices.Contains(foreign, text) {
				foreign = append(foreign, text)
			}
		}
	}
	c.Why = fmt.Sprintf("%d code objects, %d kernels", objects, len(set.Kernels))
	if len(foreign) > 0 {
		c.OK, c.Why = false, fmt.Sprintf("code for %s; the image is for %s", strings.Join(foreign, ", "), join(allowed))
	}
	return c
}

func join(targets []codeobject.Target) string {
	var words []string
	for _, t := range targets {
		if !slices.Contains(words, string(t)) {
			words = append(words, string(t))
		}
	}
	return strings.Join(words, ", ")
}
