package main

import (
	"context"
	"encoding/json"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"strix-build/internal/build"
	"strix-build/internal/diag"
	"strix-build/internal/kernels"
)

// kernelFlags are what kernels is asked.
type kernelFlags struct {
	against  string
	library  string
	families []string
	json     bool
}

func (a *app) kernelsCmd() *cobra.Command {
	var o kernelFlags
	cmd := &cobra.Command{
		Use:   "kernels IMAGE",
		Short: "show what an image's GPU kernels take, and what changed since another image",
		Long: `Reads what the compiler wrote down of each kernel in an image's libraries: registers, spills, scratch, LDS, the largest
workgroup; and works out how many waves a SIMD can hold. No GPU is needed and nothing is run.

IMAGE is of the local store (strix-build images), an OCI layout as DIR or DIR:NAME, a folder (an unpacked root, or
build/bin of llama.cpp's tree), or one library. With --against, kernels are matched by library, target and name with
template arguments; the table has the groups that changed, as "before → now", then the kernels that got worse.`,
		Example: `  strix-build kernels llama:rocm --library 'libggml-*'
  strix-build kernels llama:rocm-mmq --against llama:rocm
  strix-build kernels ~/llama.cpp/build/bin --family mul_mat_q --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.kernels(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.against, "against", "", "`IMAGE` to compare with, in any of the forms")
	f.StringVar(&o.library, "library", "*", "`GLOB` for the libraries' file names")
	f.StringSliceVar(&o.families, "family", nil, "`NAMES` of kernel families, e.g. mul_mat_q")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (a *app) kernels(ctx context.Context, image string, o kernelFlags) error {
	if _, err := path.Match(o.library, ""); err != nil {
		return usage("--library %q: %v", o.library, err)
	}
	debug.SetGCPercent(25) // 307 MB at its peak otherwise, 259 MB so, at the same speed
	begun := time.Now()
	r := &imageReader{app: a, library: o.library, layers: map[string]*layerFiles{}}
	now, target, err := r.read(ctx, image)
	if err != nil {
		return err
	}
	sets := []*kernels.Set{now}
	var base *kernels.Set
	if o.against != "" {
		if base, _, err = r.read(ctx, o.against); err != nil {
			return err
		}
		sets = append(sets, base)
	}
	if err := onlyFamilies(o.families, sets); err != nil {
		return err
	}
	a.printf("read in %.1f s\n", time.Since(begun).Seconds())
	report := kernels.NewReport(target, base, now)
	report.Image, report.Against = image, o.against
	if o.json {
		return json.NewEncoder(a.out).Encode(report)
	}
	return report.Text(a.out)
}

// onlyFamilies narrows the sets; a family that none of them has is a mistake.
func onlyFamilies(families []string, sets []*kernels.Set) error {
	if len(families) == 0 {
		return nil
	}
	var known []string
	for _, s := range sets {
		known = append(known, s.Families()...)
	}
	for _, f := range families {
		if slices.Contains(known, f) {
			continue
		}
		err := usage("--family %q: no kernel is of that family", f)
		if near := diag.Nearest(f, known); near != "" {
			err = &build.HintError{Err: err, Hint: "did you mean " + near + "?"}
		}
		return err
	}
	for _, s := range sets {
		s.Only(families)
	}
	return nil
}

// noKernels says what was looked at.
func (r *imageReader) noKernels(image string) error {
	err := usage("%s has no library with GPU kernels", image)
	if strings.Trim(r.library, "*") != "" {
		return &build.HintError{Err: err, Hint: "--library " + r.library + " may leave it out"}
	}
	return err
}
