package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"strix-build/internal/report"
	"strix-build/internal/store"
)

// reportFlags are what report is asked.
type reportFlags struct {
	html, markdown string
	site, track    string
	against        string
	skip           []string
	bf             buildFlags // --source
}

// What a report of an image may leave out, because an image's layers are read for it.
const (
	skipKernels  = "kernels"
	skipPackages = "packages"
)

func (a *app) reportCmd() *cobra.Command {
	var o reportFlags
	cmd := &cobra.Command{
		Use:   "report {IMAGE | FILE | DIR}...",
		Short: "show what was measured and judged: a page for people, a summary for CI",
		Long: `Writes the verdict, cells with their intervals, throughput against context depth, drift, kernels and what changed, of

  an image of the local store  its gate, drift, and what differs from the image before it: patches, packages, kernels, upstream commits
  a FILE                       evidence of gate or bench, a document of ab, a weekly run, a drift ledger, or what kernels --json printed
  a DIR with *.json            all such documents in it
  FILEs or DIRs with *.jsonl   rows of llama-bench, the others against the first

On a terminal with plots in text; --html writes one file that needs nothing else and asks nobody for anything, --markdown a summary for
a CI run. A verdict is computed again from its evidence. With --site DIR, each image of the store and each
weekly run gets a page, and all of them an index.`,
		Example: `  strix-build report rocm-mmq
  strix-build report evidence.json bench.json --html report.html
  strix-build report evidence.json --markdown - >> "$GITHUB_STEP_SUMMARY"
  strix-build report ab.json --html ab.html
  strix-build report rocm-7.2.4/ vulkan-radv/ --html backends.html
  strix-build report --site public --track stable --source llama.cpp=$HOME/src/llama.cpp`,
		ValidArgsFunction: a.completeRecipes,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.report(cmd.Context(), args, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.html, "html", "", "`FILE` for the page")
	f.StringVar(&o.markdown, "markdown", "", "`FILE` for the summary; - is stdout")
	f.StringVar(&o.site, "site", "", "`DIR` for a page of each image and each weekly run, and index.html and index.md of all")
	f.StringVar(&o.track, "track", "", "with --site: images and weekly runs of `TRACK` alone")
	f.StringVar(&o.against, "against", "", "`IMAGE` that an image is compared with (default: the one its gate had as baseline)")
	f.StringSliceVar(&o.skip, "skip", nil, "`PARTS` of an image's report that need its layers read: kernels, packages")
	f.StringArrayVar(&o.bf.sources, "source", nil, "take upstream's commits from `llama.cpp=PATH`; without, they are not listed")
	return cmd
}

func (o *reportFlags) check(args []string) error {
	switch {
	case o.site != "" && (len(args) > 0 || o.html != "" || o.markdown != "" || o.against != ""):
		return usage("--site writes pages of the store's images: it takes no IMAGE or FILE, nor --html, --markdown or --against")
	case o.site == "" && o.track != "":
		return usage("--track is for --site")
	case o.site == "" && len(args) == 0:
		return usage("say what to report: an IMAGE, a FILE, or --site DIR")
	}
	for _, s := range o.skip {
		if s != skipKernels && s != skipPackages {
			return usage("--skip %q: there are %s, %s", s, skipKernels, skipPackages)
		}
	}
	return nil
}

func (a *app) report(ctx context.Context, args []string, o reportFlags) error {
	if err := o.check(args); err != nil {
		return err
	}
	r, err := a.newReporter(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	if err := report.HasCharts(); err != nil && o.html+o.site != "" {
		a.printf("note: %v: pages have tables alone\n", err)
	}
	if o.site != "" {
		return r.site(ctx)
	}
	page, err := r.page(ctx, args)
	if err != nil {
		return err
	}
	if o.html != "" {
		if err := a.writePage(o.html, page.HTML); err != nil {
			return err
		}
	}
	switch {
	case o.markdown == "-":
		return page.Markdown(a.out)
	case o.markdown != "":
		return a.writePage(o.markdown, page.Markdown)
	case o.html != "":
		return nil
	}
	return page.Text(a.out, a.reportStyle())
}

// page is of the arguments, in their order; rows of llama-bench are one subject.
func (r *reporter) page(ctx context.Context, args []string) (*report.Page, error) {
	page := &report.Page{Made: madeBy()}
	var rows []string
	rowsAt := 0
	for _, arg := range args {
		subjects, err := r.subjects(ctx, arg)
		if errors.Is(err, errRows) {
			if rows == nil {
				rowsAt = len(page.Subjects)
			}
			rows = append(rows, arg)
			continue
		}
		if err != nil {
			return nil, err
		}
		page.Subjects = append(page.Subjects, subjects...)
	}
	if rows != nil {
		s, err := rowsSubject(rows)
		if err != nil {
			return nil, err
		}
		page.Subjects = slices.Insert(page.Subjects, rowsAt, s)
	}
	var names []string
	for _, s := range page.Subjects {
		names = append(names, s.Name)
	}
	page.Title = strings.Join(names, "; ")
	return page, nil
}

// madeBy says who wrote a page, and when.
func madeBy() string {
	text, _, _ := strings.Cut(versionText(), ", BuildKit")
	return text + ", " + time.Now().UTC().Format("2006-01-02 15:04 UTC")
}

// writePage writes a file whole, and says how large it is.
func (a *app) writePage(file string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := store.WriteFile(file, b.Bytes()); err != nil {
		return err
	}
	a.printf("%s: %.1f KB\n", file, float64(b.Len())/1e3)
	return nil
}

// reportStyle is what the terminal shows; https://no-color.org is heeded.
func (a *app) reportStyle() report.Style {
	s := report.Style{Width: a.width(a.out), UTF8: a.utf8()}
	if f, ok := a.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.Color = a.getenv("NO_COLOR", "") == "" && a.getenv("TERM", "dumb") != "dumb"
	}
	return s
}

// errNoReport says that something is neither a file nor an image.
func errNoReport(arg string) error { return fmt.Errorf("%q is neither a file nor an image", arg) }
