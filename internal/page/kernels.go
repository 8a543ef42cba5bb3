package page

import (
	"fmt"
	"strings"

	"strix-build/internal/kernels"
	"strix-build/internal/report"
)

// Kernels is the section of a comparison of kernels, or of an image's alone: the groups that changed, and each kernel that got worse.
func Kernels(r *kernels.Report) report.Kernels {
	out := report.Kernels{Against: r.Against}
	if d := r.Diff; d != nil {
		out.Same, out.Changed, out.Worse, out.Added, out.Gone = d.Same, len(d.Changed), len(d.Worse), len(d.Added), len(d.Removed)
		for _, p := range d.Worse {
			var losses []string
			for _, l := range p.Losses {
				losses = append(losses, l.String())
			}
			out.Losses = append(out.Losses, report.KernelLoss{Library: p.Now.Library, Kernel: p.Now.Text, What: strings.Join(losses, ", ")})
		}
	}
	worse := map[[3]string]bool{}
	if r.Diff != nil {
		for _, p := range r.Diff.Worse {
			worse[[3]string{p.Now.Library, p.Now.Family, p.Now.Type}] = true
		}
	}
	for _, g := range r.Groups {
		if r.Diff != nil && g.Now != nil && g.Base != nil && *g.Now == *g.Base {
			continue
		}
		row := kernelGroup(g, r.Diff != nil)
		if worse[[3]string{g.Library, g.Family, g.Type}] {
			row.Tone = report.Bad
		}
		out.Groups = append(out.Groups, row)
	}
	return out
}

func kernelGroup(g kernels.Group, compared bool) report.KernelGroup {
	figure := func(of func(*kernels.Summary) string) string {
		was, is := "–", "–"
		if g.Base != nil {
			was = of(g.Base)
		}
		if g.Now != nil {
			is = of(g.Now)
		}
		if !compared || was == is {
			return is
		}
		return was + " → " + is
	}
	return report.KernelGroup{Library: g.Library, Family: g.Family, Type: g.Type,
		Kernels:   figure(func(s *kernels.Summary) string { return fmt.Sprint(s.Kernels) }),
		VGPRs:     figure(func(s *kernels.Summary) string { return s.VGPRs.String() }),
		Spilling:  figure(func(s *kernels.Summary) string { return fmt.Sprint(s.Spilling) }),
		Scratch:   figure(func(s *kernels.Summary) string { return s.Scratch.String() }),
		LDS:       figure(func(s *kernels.Summary) string { return s.LDS.String() }),
		Occupancy: figure(func(s *kernels.Summary) string { return s.Occupancy.String() })}
}
