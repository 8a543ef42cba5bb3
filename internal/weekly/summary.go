package weekly

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"strix-build/internal/printable"
)

// Headline says a run in one line: "2 channels moved, 1 refused, 5 unchanged".
func (r *Run) Headline() string {
	var parts []string
	say := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	say(len(r.Problems), "problem", "problems")
	say(r.tooOld(), "channel too old", "channels too old")
	say(r.Count(Failed), "failed", "failed")
	say(r.Count(Refused), "refused", "refused")
	say(r.Count(Left), "left behind", "left behind")
	say(r.Count(Moved), "channel moved", "channels moved")
	say(r.Count(Candidate), "candidate", "candidates")
	say(r.Count(Built), "built", "built")
	say(r.Count(WouldMake), "would be built", "would be built")
	say(r.Count(Unchanged), "unchanged", "unchanged")
	say(r.Count(Waiting), "not begun", "not begun")
	switch {
	case len(parts) == 0 && r.Ended == nil:
		return "nothing yet"
	case len(parts) == 0:
		return "nothing to do"
	}
	return strings.Join(parts, ", ")
}

func (r *Run) tooOld() (n int) {
	for _, c := range r.Channels {
		if c.TooOld {
			n++
		}
	}
	return n
}

// Text writes the siblings as a table for terminals, with what is to be said of each below it.
func (r *Run) Text(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TRACK\tRECIPE\tBASE\tSTATE\tVERDICT\tIMAGE")
	for _, s := range r.Siblings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Track, s.Recipe, dash(s.Base), s.State, dash(s.Verdict), dash(digestText(s.Digest)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}

// ChannelText writes the channels and their ages as a table for terminals.
func (r *Run) ChannelText(out io.Writer) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHANNEL\tIMAGE\tOF")
	for _, c := range r.Channels {
		old := ""
		if c.TooOld {
			old = "  TOO OLD"
		}
		fmt.Fprintf(w, "%s\t%s\t%s%s\n", c.Recipe, first(c.Tag, digestText(c.Digest), "none yet"), r.Age(c), old)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(out, printable.Text(b.String()))
	return err
}

// Age is the day of a channel's image, and how long ago that is.
func (r *Run) Age(c Channel) string {
	if c.Built.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s, %d days ago", c.Built.UTC().Format(time.DateOnly), r.Days(c))
}

// Days is how many whole days ago a channel's image is of. Its tag has no time of day, so the first day is up to two days long.
func (r *Run) Days(c Channel) int { return int(r.begun().Sub(c.Built).Hours()) / 24 }

// Markdown writes the summary, for CI's pages and for mail.
func (r *Run) Markdown(out io.Writer) error {
	var b strings.Builder
	day := r.Started.UTC().Format(time.DateOnly)
	if r.Ended == nil {
		day += ", not ended"
	}
	fmt.Fprintf(&b, "# Weekly run of %s: %s\n\n", day, r.Headline())
	b.WriteString(cell(r.Circumstances()) + "\n")
	r.problems(&b)
	r.bases(&b)
	r.images(&b)
	r.channels(&b)
	r.outlook(&b)
	r.pruned(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

// Circumstances are who did the run, where, and how long it took, of one that has ended.
func (r *Run) Circumstances() string {
	text := fmt.Sprintf("%s on %s", r.Tool, r.Host)
	if r.Repository != "" {
		text += ", to " + r.Repository
	}
	if r.DryRun {
		text += ", dry run: nothing was written, built or published"
	}
	if r.Resumed != nil {
		text += fmt.Sprintf(", resumed at %s", r.Resumed.UTC().Format(time.RFC3339))
	}
	if r.Ended != nil {
		text += ", " + r.Ended.Sub(r.begun()).Round(time.Second).String()
	}
	return text
}

// begun is when the last try did.
func (r *Run) begun() time.Time {
	if r.Resumed != nil {
		return *r.Resumed
	}
	return r.Started
}

func (r *Run) problems(b *strings.Builder) {
	if len(r.Problems) == 0 {
		return
	}
	b.WriteString("\n## Problems\n\n")
	for _, p := range r.Problems {
		b.WriteString("- ")
		if p.Track != "" {
			fmt.Fprintf(b, "track %s: ", cell(p.Track))
		}
		b.WriteString(cell(hinted(p.Text, p.Hint)) + "\n")
	}
}

func (r *Run) bases(b *strings.Builder) {
	if len(r.Tracks) == 0 {
		return
	}
	table(b, "Bases", "track", "was", "is", "why no newer one")
	for _, t := range r.Tracks {
		row(b, t.Name, dash(t.Was), fmt.Sprintf("%s (%.12s)", t.Base, t.Commit), dash(t.Why()))
	}
}

// Why says why a track has no newer base; "": it has the newest.
func (t *Track) Why() string {
	var parts []string
	if t.Newer != "" {
		parts = append(parts, t.Newer)
	}
	parts = append(parts, t.Held...)
	if t.Kept {
		parts = append(parts, "the lock was kept")
	}
	return strings.Join(parts, "; ")
}

func (r *Run) images(b *strings.Builder) {
	if len(r.Siblings) == 0 {
		return
	}
	table(b, "Images", "track", "recipe", "base", "state", "verdict", "took", "image")
	for _, s := range r.Siblings {
		took := "-"
		if s.Took > 0 {
			took = s.Took.Round(time.Second).String()
			if s.Cached != nil && s.Cached.Calls > 0 {
				took += fmt.Sprintf(", compiler cache %d %%", 100*s.Cached.Hits/s.Cached.Calls)
			}
		}
		row(b, s.Track, s.Recipe, dash(s.Base), mark(s.State), dash(s.Verdict), took, dash(first(s.Tag, digestText(s.Digest))))
	}
	for _, s := range r.Siblings {
		if s.Why != "" {
			fmt.Fprintf(b, "\n**%s** (%s): %s\n", cell(s.Recipe), s.State, cell(hinted(s.Why, s.Hint)))
		}
	}
}

func (r *Run) channels(b *strings.Builder) {
	if len(r.Channels) == 0 {
		return
	}
	table(b, "Channels", "channel", "image", "of")
	for _, c := range r.Channels {
		of := r.Age(c)
		if c.TooOld {
			of = "**too old:** " + of
		}
		row(b, c.Recipe, first(c.Tag, digestText(c.Digest), "none yet"), of)
	}
}

func (r *Run) outlook(b *strings.Builder) {
	if len(r.Forecast) == 0 {
		return
	}
	b.WriteString("\n## Forecast\n\n")
	for _, o := range r.Forecast {
		for i, line := range strings.Split(o.Text, "\n") {
			indent := ""
			if i > 0 {
				indent = "  "
			}
			fmt.Fprintf(b, "%s- %s\n", indent, cell(strings.TrimSpace(line)))
		}
	}
}

func (r *Run) pruned(b *strings.Builder) {
	if len(r.Pruned) == 0 {
		return
	}
	verb := "removed"
	if r.DryRun {
		verb = "would go"
	}
	fmt.Fprintf(b, "\n## Pruned\n\n%s: %s\n", verb, cell(strings.Join(r.Pruned, ", ")))
}

func table(b *strings.Builder, title string, heads ...string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	row(b, heads...)
	b.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	b.WriteString("|\n")
}

// cell is text that others wrote, where it can neither end a cell nor be taken for markup: images, links and HTML of a patch's or a registry's words.
func cell(s string) string { return escape.Replace(printable.Line(strings.ReplaceAll(s, "\n", " "))) }

// The backslash is the first: one that others wrote would take away ours.
var escape = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "[", `\[`, "`", "'")

// mark makes states that somebody has to look at stand out.
func mark(s State) string {
	switch s {
	case Failed, Refused, Left:
		return "**" + string(s) + "**"
	}
	return string(s)
}

func hinted(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + " (" + hint + ")"
}

// digestText is enough of a digest to tell it from others.
func digestText(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return fmt.Sprintf("%.12s", hex)
}

func dash(s string) string { return first(s, "-") }

func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
