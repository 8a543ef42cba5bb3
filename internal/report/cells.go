package report

// Cells are tests of models with what they changed by, and their intervals.
type Cells struct {
	Title   string // "" for Cells
	Base    string // what the changes are of: baseline, A llama:rocm
	Chance  string // what the intervals leave out, in words
	Samples string // what is counted; "" for Pairs
	Of      string // what a row is; "" for Cell
	Rows    []Cell
	Nothing string // why there are no rows
}

// Cell is one test of one model. Changes, noise and limits are shares of the base's speed.
type Cell struct {
	Group   string   // the model, or who is compared; rows of one group are drawn together
	Name    string   // moe/pp512
	Speed   float64  // tokens a second, of the base; where rows are what is compared, their own; 0: not known
	Noise   *float64 // of the base
	Pairs   int
	Change  *float64
	Low     *float64
	High    *float64
	Limit   *float64 // the loss that is too much
	State   string   // not slower
	Tone    Tone
	Further string // accepted 64 %
}

func (c Cells) block() block {
	b := newBlock(c.Title, "Cells", "")
	if c.Base != "" {
		b.lead = append(b.lead, "Changes are of the speed of "+c.Base+". "+c.Chance)
	}
	if len(c.Rows) == 0 {
		b.lead = append(b.lead, c.Nothing)
		return b
	}
	for _, g := range groups(c.Rows, func(r Cell) string { return r.Group }) {
		b.add(c.group(g.name, g.rows))
	}
	return b
}

// add puts a chart and its table into a block.
func (b *block) add(c chart, t table) {
	if len(c.rows) > 0 || len(c.panels) > 0 {
		b.charts = append(b.charts, c)
	}
	b.tables = append(b.tables, t)
}

// field is a column of cells, and whether a row says something in it.
type field struct {
	head  string
	say   func(*Cell) cell
	known func(*Cell) bool // nil: the column is always there
}

func (c Cells) fields() []field {
	counted := "Pairs"
	if c.Samples != "" {
		counted = c.Samples
	}
	of := "Cell"
	if c.Of != "" {
		of = c.Of
	}
	text := func(s string) cell { return cell{text: s} }
	return []field{
		{of, func(r *Cell) cell { return text(r.Name) }, nil},
		{"#t/s", func(r *Cell) cell { return text(speed(r.Speed)) }, func(r *Cell) bool { return r.Speed > 0 }},
		{"#Noise", func(r *Cell) cell { return text(share(r.Noise)) }, func(r *Cell) bool { return r.Noise != nil }},
		{"#" + counted, func(r *Cell) cell { return text(grouped(r.Pairs)) }, func(r *Cell) bool { return r.Pairs > 0 }},
		{"#Change", func(r *Cell) cell { return text(percent(r.Change)) }, func(r *Cell) bool { return r.Change != nil }},
		{"#Interval", func(r *Cell) cell { return text(percents(r.Low, r.High)) }, func(r *Cell) bool { return r.Low != nil }},
		{"#Limit", func(r *Cell) cell { return text(share(times(r.Limit, -1))) }, func(r *Cell) bool { return r.Limit != nil }},
		{"State", func(r *Cell) cell { return cell{text: r.State, tone: r.Tone} }, func(r *Cell) bool { return r.State != "" }},
		{"Besides", func(r *Cell) cell { return text(r.Further) }, func(r *Cell) bool { return r.Further != "" }},
	}
}

// group is a chart and a table; a column that no row says something in is left out.
func (c Cells) group(name string, rows []Cell) (chart, table) {
	t, picture := table{caption: name, drawn: true, rows: make([][]cell, len(rows))}, chart{title: name}
	for _, f := range c.fields() {
		known := f.known == nil
		for i := range rows {
			known = known || f.known(&rows[i])
		}
		if !known {
			continue
		}
		t.columns = append(t.columns, columns(f.head)...)
		for i := range rows {
			t.rows[i] = append(t.rows[i], f.say(&rows[i]))
		}
	}
	some := false
	for _, r := range rows {
		some = some || r.Change != nil
		picture.rows = append(picture.rows, forestRow{r.Name, r.Change, r.Low, r.High, r.Limit, r.Tone, r.State})
	}
	if !some {
		picture.rows = nil
	}
	return picture, t
}

// group is rows that belong together.
type group[T any] struct {
	name string
	rows []T
}

// groups puts rows together by name, in the order they come.
func groups[T any](rows []T, name func(T) string) []group[T] {
	var out []group[T]
	at := map[string]int{}
	for _, r := range rows {
		n := name(r)
		i, ok := at[n]
		if !ok {
			i, at[n] = len(out), len(out)
			out = append(out, group[T]{name: n})
		}
		out[i].rows = append(out[i].rows, r)
	}
	return out
}

// Effects are what changes of an image did to cells, alone and together.
type Effects struct {
	Title string // "" for Effects
	Lead  string
	Rows  []Effect
}

// Effect is by how much a factor, or several together, multiplied a cell's speed.
type Effect struct {
	Factors   []string // one: an effect; more: their interaction
	Cell      string
	Ratio     float64 // 0: not known
	Low, High *float64
	Words     string // faster, open
	Tone      Tone
}

func (e Effects) block() block {
	b := newBlock(e.Title, "Effects", e.Lead)
	for _, g := range groups(e.Rows, func(r Effect) string { return product(r.Factors) }) {
		picture, t := chart{title: g.name}, table{caption: g.name, columns: columns("Cell", "#Ratio", "#Interval", "Result"), drawn: true}
		picture.ratio = true
		some, said := false, false
		for _, r := range g.rows {
			some, said = some || r.Ratio != 0, said || r.Words != ""
			interval := unknown
			if r.Low != nil && r.High != nil {
				interval = ratio(r.Low) + " to " + ratio(r.High)
			}
			at := &r.Ratio
			if r.Ratio == 0 {
				at = nil
			}
			t.rows = append(t.rows, []cell{{text: r.Cell}, {text: ratio(at)}, {text: interval}, {text: r.Words, tone: r.Tone}})
			picture.rows = append(picture.rows, forestRow{r.Cell, at, r.Low, r.High, nil, r.Tone, r.Words})
		}
		if !some {
			picture.rows, t.drawn = nil, false
		}
		if !said {
			t.cut(len(t.columns) - 1)
		}
		b.add(picture, t)
	}
	oneAxis(b.charts)
	return b
}

// cut takes the columns from n on away.
func (t *table) cut(n int) {
	t.columns = t.columns[:n]
	for i := range t.rows {
		t.rows[i] = t.rows[i][:n]
	}
}

// product names an effect, or an interaction.
func product(factors []string) string {
	out := ""
	for i, f := range factors {
		if i > 0 {
			out += " × "
		}
		out += f
	}
	return out
}
