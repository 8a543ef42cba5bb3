package strictyaml

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/diag"
)

// even is a type that reads itself from text.
type even string

func (e *even) UnmarshalText(text []byte) error {
	if len(text)%2 != 0 {
		return errors.New("has an odd length")
	}
	*e = even(text)
	return nil
}

func (even) Pattern() string { return "^(..)*$" }

type doc struct {
	Name   Text                       `yaml:"name,required" doc:"what it is called"`
	On     Bool                       `yaml:"on"`
	Class  Text                       `yaml:"class" enum:"small,large"`
	Plain  string                     `yaml:"plain"`
	Count  int                        `yaml:"count" doc:"how many"`
	Even   even                       `yaml:"even"`
	List   []Text                     `yaml:"list" enum:"a,b"`
	Ints   []int                      `yaml:"ints"`
	Map    map[string]Text            `yaml:"map"`
	Cells  map[string]map[string]Text `yaml:"cells"`
	Part   part                       `yaml:"part"`
	Parts  []part                     `yaml:"parts"`
	Opt    *part                      `yaml:"opt"`
	Named  map[string]part            `yaml:"named"`
	Hidden string                     `yaml:"-"`
	Pos    diag.Pos                   `yaml:"-"`
	Places Places                     `yaml:"-"`
}

type part struct {
	Key Text `yaml:"key,required" doc:"the key of the part"`
	Sub *sub `yaml:"sub"`

	Pos diag.Pos `yaml:"-"`
}

type sub struct {
	Deep Bool `yaml:"deep,required"`
}

func pos(line, col int) diag.Pos { return diag.Pos{File: "f.yaml", Line: line, Col: col} }

func TestDecode(t *testing.T) {
	t.Parallel()
	const text = "name: ON\non: True\nclass: large\nplain: 'yes'\ncount: 21344\neven: abcd\n" +
		"list: [a, b]\nints: [1, -2]\nmap:\n  K: \"1\"\ncells: {moe: {pp512: up}}\npart: {key: é, sub: {deep: false}}\n" +
		"parts:\n  - key: one\n  - {key: two}\nopt: {key: three}\nnamed:\n  n: {key: |\n    four\n    }\n"
	var got doc
	if problems := Decode("f.yaml", []byte(strings.Replace(text, "{key: |\n    four\n    }", "{key: four}", 1)), &got); len(problems) != 0 {
		t.Fatal(problems)
	}
	want := doc{
		Name: Text{"ON", pos(1, 7)}, On: Bool{true, pos(2, 5)}, Class: Text{"large", pos(3, 8)}, Plain: "yes",
		Count: 21344, Even: "abcd", List: []Text{{"a", pos(7, 8)}, {"b", pos(7, 11)}}, Ints: []int{1, -2},
		Map:   map[string]Text{"K": {"1", pos(10, 6)}},
		Cells: map[string]map[string]Text{"moe": {"pp512": {"up", pos(11, 22)}}},
		Part:  part{Key: Text{"é", pos(12, 13)}, Sub: &sub{Bool{false, pos(12, 28)}}, Pos: pos(12, 7)},
		Parts: []part{{Key: Text{"one", pos(14, 10)}, Pos: pos(14, 5)}, {Key: Text{"two", pos(15, 11)}, Pos: pos(15, 5)}},
		Opt:   &part{Key: Text{"three", pos(16, 12)}, Pos: pos(16, 6)},
		Named: map[string]part{"n": {Key: Text{"four", pos(18, 12)}, Pos: pos(18, 6)}},
		Pos:   pos(1, 1),
	}
	places := got.Places
	got.Places = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]diag.Pos{
		"name": pos(1, 1), "map": pos(9, 1), "map.K": pos(10, 3), "part.key": pos(12, 8), "named.n": pos(18, 3), "gone": {},
	} {
		if places[key] != want {
			t.Errorf("%s is at %v, want %v", key, places[key], want)
		}
	}
}

// TestProblems lists documents and every line that must be said about them.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"name: x\nsize: 1\nlisst: [a]", []string{
			`2:1: unknown key "size"; doc has cells, class, count, even, ints, list, map, name, named, on, opt, part, parts, plain`,
			`3:1: unknown key "lisst"; did you mean "list"? doc has cells, class, count, even, ints, list, map, name, named, on, opt, part, parts, plain`,
		}},
		// A misspelled key is not also a missing one.
		{"nmae: x", []string{
			`1:1: unknown key "nmae"; did you mean "name"? doc has cells, class, count, even, ints, list, map, name, named, on, opt, part, parts, plain`,
		}},
		{"name: x\npart: {}\nparts: [{key: x}, {}]\nopt: {key: x, sub: {}}\nnamed: {n: {}}", []string{
			`2:1: missing key "key" in part`,
			`3:19: missing key "key" in parts`,
			`4:15: missing key "deep" in opt.sub`,
			`5:9: missing key "key" in named.n`,
		}},
		{"name: 7.10\nplain: 0x10\nclass: true\neven: 2026-01-31\nlist: [null, 1]", []string{
			`1:7: "name" wants text, not the number 7.10`,
			`2:8: "plain" wants text, not the number 0x10`,
			`3:8: "class" wants text, not the truth value true`,
			`4:7: "even" wants text, not the date 2026-01-31`,
			`5:8: an item of "list" is empty`,
			`5:14: an item of "list" wants text, not the number 1`,
		}},
		{"name: {a: b}\non: yes\ncount: 1.5\nmap: [a]\npart: x\nlist: {a: b}\nparts: x\nints: [a]", []string{
			`1:7: "name" wants text, not keys with values`,
			`2:5: "on" wants true or false, not the text "yes"`,
			`3:8: "count" wants a whole number, not the number 1.5`,
			`4:6: "map" wants keys with values, not a list`,
			`5:7: "part" wants the keys key, sub, not the text "x"`,
			`6:7: "list" wants a list, not keys with values`,
			`7:8: "parts" wants a list, not the text "x"`,
			`8:8: an item of "ints" wants a whole number, not the text "a"`,
		}},
		{"name: x\ncount: 99999999999999999999\neven: abc\nclass: lagre\nlist: [a, c]", []string{
			`2:8: "count" wants a whole number, not the number 99999999999999999999`,
			`3:7: "even": has an odd length`,
			`4:8: "class" is "lagre", not one of small, large; did you mean "large"?`,
			`5:11: an item of "list" is "c", not one of a, b`,
		}},
		{"name: x\nname: y\nmap: {a: b, c: d, a: e}\n? [q]\n: r\nmap: {1: x, true: y}", []string{
			`2:1: duplicate key "name"; the first is at line 1`,
			`3:19: duplicate key "a"; the first is at line 3`,
			`4:3: a key of doc is a list; a key is text`,
			`6:1: duplicate key "map"; the first is at line 3`,
		}},
		{"name: x\nmap: {1: x, true: y}", []string{
			`2:7: a key of map is the number 1; quote it`,
			`2:13: a key of map is the truth value true; quote it`,
		}},
		{"name: &a x\nplain: *a\nmap: {<<: {b: c}, d: *a, *a : e}\nclass: !!str small\neven: !x ab", []string{
			`1:7: anchors are not allowed`,
			`2:8: aliases are not allowed`,
			`3:11: "map.<<" wants text, not keys with values`,
			`3:22: aliases are not allowed`,
			`3:26: aliases are not allowed`,
			`4:8: tag !!str is not allowed`,
			`5:7: tag !x is not allowed`,
			`5:7: "even" wants text, not the text "ab"`,
		}},
		{"name: x\n---\nname: y", []string{`2:1: a second document begins here; a file holds one`}},
		{"name: x\n---\nname: [", []string{`3:7: the file ends where a value is expected`}},
		{"name: x\nlist: [a,,b]", []string{`2:10: expected a value here`}},
		{"name: removed by #26046 (b10115)\nplain: x # 1\neven: 'ab' #2", []string{
			`1:7: "name" ends before "#26046 (b10115)", which YAML takes for a comment`,
		}},
		{"", []string{`1:1: file is empty`}},
		{"# only this\n", []string{`1:1: file is empty`}},
		{"- a\n", []string{
			`1:1: doc wants the keys cells, class, count, even, ints, list, map, name, named, on, opt, part, parts, plain, not a list`,
		}},
		{"name: [a, b\nplain: c", []string{`2:6: expected ',' or ']' here`}},
		{"name: [a, b\n", []string{`1:7: the list [ that begins here is still open at the end of the file`}},
		{"name: {a: b", []string{`1:7: the mapping { that begins here is still open at the end of the file`}},
		{"name: 'a\n", []string{`1:7: the quoted text that begins here is still open at the end of the file`}},
		{"name: x\r\nmap:\r\n\ta: b\r\n", []string{`3:1: a tab cannot indent`}},
		{"name: a: b", []string{`1:8: a second colon in one line`}},
		{"name: x\n  on: true", []string{`2:5: a key is not allowed here`}},
		{"name: x\n on: true\n", []string{`2:4: a key is not allowed here`}},
		{"name: `x", []string{"1:7: a value cannot begin with '`'"}},
		{"name: \"\\q\"", []string{`1:8: not YAML: found unknown escape character`}},
		{"name: *b", []string{`1:7: aliases are not allowed`}},
		{"name: x\x00", []string{`1:8: control character U+0000 is not allowed`}},
		{"name: é\xff", []string{`1:8: byte 0xff is not UTF-8 text`}},
		{"name: x\non: a\u2028b", []string{`2:6: control character U+2028 is not allowed`}},
		{"name: x\ron: true", []string{`1:8: control character U+000D is not allowed`}},
		{"\xff\xfen\x00", []string{`1:1: byte 0xff is not UTF-8 text`}},
	} {
		var got []string
		for _, p := range Decode("f.yaml", []byte(c.text), &doc{}) {
			got = append(got, strings.TrimPrefix(p.String(), "f.yaml:"))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"on: true":                       "name: what it is called",
		"name: 7.10":                     `quote it: "7.10"`,
		"name: x\nlist: a":               "write [a]",
		"name: x\ncount: [1]":            "count: how many",
		"name: x\npart:\n":               "give it a value, or leave the key out",
		"name: x\nplain: `":              "quote the value",
		"name: [a\non: true\nplain: x\n": "it belongs to the list [ of line 1, column 7",
	} {
		problems := Decode("f.yaml", []byte(text), &doc{})
		if len(problems) != 1 || problems[0].Hint != want {
			t.Errorf("%q: %v, want the hint %q", text, problems, want)
		}
	}
}

type kinded struct {
	A Text `yaml:"a,required"`
}

func (kinded) Kind() string { return "patch set" }

func TestKindNamesTheDocument(t *testing.T) {
	t.Parallel()
	if got := Decode("f.yaml", []byte("a: b\nc: d"), &kinded{}); len(got) != 1 || !strings.Contains(got[0].Msg, "patch set has a") {
		t.Error(got)
	}
}

// TestHostileFiles: a megabyte of anything is answered at once, in one screen, with places inside the file.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var stairs, keys strings.Builder
	for i := range 1400 {
		stairs.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for i := range 60000 {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"lists":        {fill("["), "nested deeper than 40 levels"},
		"mappings":     {fill("{a: "), "nested deeper than 40 levels"},
		"items":        {fill("- "), "nested deeper than 40 levels"},
		"questions":    {fill("? "), "nested deeper than 40 levels"},
		"stairs":       {stairs.String(), "nested deeper than 40 levels"},
		"unknown keys": {keys.String(), "unknown key \"k0\""},
		"documents":    {fill("---\n"), "doc is empty"},
		"one word":     {"name: x\nclass: " + fill("y")[:size-100], "not one of small, large"},
		"one key":      {fill("k")[:1000] + ": v", "unknown key \"kkkkk"},
		"too long":     {fill("#\n") + "#", "file is 1048577 bytes; more than 1048576 are refused"},
		"quotes":       {fill(`"`), "expected <document start> here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems := Decode("f.yaml", []byte(c.text), &doc{})
			found, length := false, 0
			for _, p := range problems {
				found = found || strings.Contains(p.Msg, c.want)
				length = max(length, len(p.Msg)+len(p.Hint))
			}
			if !found || len(problems) > maxProblems+1 || length > 1000 {
				t.Errorf("%d problems, the longest has %d bytes; want %q; first %.300s", len(problems), length, c.want, problems[0])
			}
			checkPlaces(t, c.text, problems)
		})
	}
}

// checkPlaces reports problems whose place is not in the text.
func checkPlaces(t *testing.T, text string, problems diag.List) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, p := range problems {
		if p.Pos.File != "f.yaml" || p.Pos.Line < 1 || p.Pos.Line > len(lines) || p.Pos.Col < 1 ||
			p.Pos.Col > len([]rune(lines[p.Pos.Line-1]))+1 {
			t.Errorf("%v is outside of a file of %d lines", p, len(lines))
		}
	}
}

func TestJSONShowsValuesOnly(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(map[string]any{"t": Text{"x", pos(1, 2)}, "b": Bool{true, pos(3, 4)}})
	if err != nil || string(got) != `{"b":true,"t":"x"}` {
		t.Error(string(got), err)
	}
}

// FuzzDecode: no input panics, and each problem has a place inside the file.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"name: x\npart: {key: [\n", "a: &a [*a]\n", "? - a\n", "\ufeffname: |\n  x\n y", "name: x\r\n...\r\n---\r\n", "%YAML 1.1\n---\n",
		"name: !<tag:yaml.org,2002:binary> x", "parts:\n- key: x\n  sub:\n  # c\n", "!!map {name: x}", "\n\n - \n- ",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkPlaces(t, string(data), Decode("f.yaml", data, &doc{}))
	})
}
