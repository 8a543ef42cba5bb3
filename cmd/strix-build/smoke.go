package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"strix-build/internal/gguf"
	"strix-build/internal/store"
)

// smokeOptions are the flags of smoke-model.
type smokeOptions struct {
	arch, accept, output, dir string
	noise                     float64
	all, asJSON               bool
}

// smokeFile is a line of the result.
type smokeFile struct {
	Path   string  `json:"path"`
	Arch   string  `json:"arch"`
	Accept float64 `json:"accept,omitempty"` // of a draft
	Noise  float64 `json:"noise,omitempty"`  // that was asked for in place of a rate
	Size   int     `json:"size"`             // bytes
	SHA256 string  `json:"sha256"`
}

func (a *app) smokeModelCmd() *cobra.Command {
	var opt smokeOptions
	cmd := &cobra.Command{
		Use:   "smoke-model",
		Short: "write small models whose text shows errors in speculative decoding; no network",
		Long: `Writes a small model in GGUF whose next token depends on attention and recurrent state without near ties: text with and
without a draft is equal on a build that is right. With --accept the model's draft is written, the same model with
noise, of whose tokens about that part is accepted. The same command writes the same bytes everywhere.`,
		Example: `  strix-build smoke-model --arch qwen35
  strix-build smoke-model --arch qwen35 --accept 0.8 -o draft.gguf
  strix-build smoke-model --all --dir models`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			files, err := opt.files()
			if err != nil {
				return err
			}
			return a.writeSmoke(files, opt.asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.arch, "arch", "", "write the model of architecture `NAME` (smoke-model list)")
	f.StringVar(&opt.accept, "accept", "", "write the draft with this acceptance `RATE`: "+strings.Join(rateNames(), ", "))
	f.Float64Var(&opt.noise, "noise", 0, "write a draft with noise of this `PART` of each tensor's root mean square, to tune one")
	f.StringVarP(&opt.output, "output", "o", "", "write to `FILE` (default ARCH.gguf, ARCH-draft-RATE.gguf or ARCH-noise-PART.gguf)")
	f.StringVar(&opt.dir, "dir", ".", "write below `DIR`, which is made where missing")
	f.BoolVar(&opt.all, "all", false, "write every model with its drafts")
	f.BoolVar(&opt.asJSON, "json", false, "print JSON")
	_ = cmd.RegisterFlagCompletionFunc("arch", cobra.FixedCompletions(archNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("accept", cobra.FixedCompletions(rateNames(), cobra.ShellCompDirectiveNoFileComp))
	cmd.AddCommand(a.smokeListCmd())
	return cmd
}

func archNames() []string {
	var out []string
	for _, m := range gguf.Models() {
		out = append(out, m.Arch)
	}
	return out
}

func rateNames() []string {
	var out []string
	for _, r := range gguf.Accepts() {
		out = append(out, rateName(r))
	}
	return out
}

func rateName(r float64) string { return strconv.FormatFloat(r, 'f', -1, 64) }

// files turns the flags into what is to be written.
func (o smokeOptions) files() ([]smokeFile, error) {
	if o.all {
		return o.everything()
	}
	f := smokeFile{Arch: o.arch, Noise: o.noise}
	switch {
	case !slices.Contains(archNames(), o.arch):
		return nil, usage("--arch %q: want %s (or --all)", o.arch, strings.Join(archNames(), ", "))
	case o.noise != 0 && o.accept != "":
		return nil, usage("--accept and --noise exclude each other")
	case !(o.noise >= 0 && o.noise <= 1): // also what is no number
		return nil, usage("--noise \"%g\": want a part, 0 to 1", o.noise)
	case o.accept != "":
		at := slices.IndexFunc(gguf.Accepts(), func(r float64) bool { return same(o.accept, r) })
		if at < 0 {
			return nil, usage("--accept %q: want %s", o.accept, strings.Join(rateNames(), ", "))
		}
		f.Accept = gguf.Accepts()[at]
	}
	f.Path = o.path(f)
	return []smokeFile{f}, nil
}

// everything is every model with its drafts.
func (o smokeOptions) everything() ([]smokeFile, error) {
	if o.arch != "" || o.accept != "" || o.output != "" || o.noise != 0 {
		return nil, usage("--all takes no --arch, --accept, --noise or --output")
	}
	var out []smokeFile
	for _, arch := range archNames() {
		for _, r := range append([]float64{0}, gguf.Accepts()...) {
			f := smokeFile{Arch: arch, Accept: r}
			f.Path = o.path(f)
			out = append(out, f)
		}
	}
	return out, nil
}

// same reports whether a text is a rate, also as 0.50.
func same(text string, r float64) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == r
}

func (o smokeOptions) path(f smokeFile) string {
	name := gguf.FileName(f.Arch, f.Accept)
	switch {
	case o.output != "":
		name = o.output
	case f.Noise != 0:
		name = f.Arch + "-noise-" + rateName(f.Noise) + ".gguf"
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(o.dir, name)
}

// bytes makes the file's content.
func (f smokeFile) bytes() ([]byte, error) {
	if f.Noise != 0 {
		return gguf.BytesWithNoise(f.Arch, f.Noise)
	}
	return gguf.Bytes(f.Arch, f.Accept)
}

// writeSmoke writes the files, each whole, and then says what they are.
func (a *app) writeSmoke(files []smokeFile, asJSON bool) error {
	for i := range files {
		f := &files[i]
		data, err := f.bytes()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			return err
		}
		if err := store.WriteFile(f.Path, data); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		f.Size, f.SHA256 = len(data), hex.EncodeToString(sum[:])
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(files)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, f := range files {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", f.Path, f.Arch, f.Size, f.SHA256)
	}
	return w.Flush()
}

func (a *app) smokeListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the smoke models and the acceptance rates of their drafts",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(a.out).Encode(smokeList())
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ARCH\tCLASS\tDRAFTS")
			for _, m := range smokeList() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", m.Arch, m.Class, strings.Join(rateNames(), ", "))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

type listedModel struct {
	Arch   string    `json:"arch"`
	Class  string    `json:"class"`
	Drafts []float64 `json:"drafts"` // acceptance rates
}

func smokeList() []listedModel {
	out := []listedModel{}
	for _, m := range gguf.Models() {
		out = append(out, listedModel{m.Arch, string(m.Class), gguf.Accepts()})
	}
	return out
}
