package llamabench

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// TestRowsOfEveryForm reads a row as b8779, b10269 and b11669 write it.
func TestRowsOfEveryForm(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/forms.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		build int
		test  string
		flash Switch
		speed float64
	}{{8779, "pp512", 0, 1706.67}, {10269, "tg128@d8192", 1, 8.95003}, {11669, "pp512+tg128", -1, 16000}} {
		r := rows[i]
		if r.Build != want.build || r.Test() != want.test || r.FlashAttn != want.flash || r.Speeds[0] != want.speed {
			t.Errorf("row %d is %+v, want %+v", i+1, r, want)
		}
	}
	if want := time.Date(2026, 8, 5, 2, 11, 34, 0, time.UTC); !rows[1].Time.Equal(want) {
		t.Errorf("row 2 is of %s, want %s", rows[1].Time, want)
	}
}

const row = `{"model_filename": "m", "n_prompt": 512, "n_gen": 0, "n_depth": 0, "test_time": "2026-01-01T00:00:00Z", "samples_ns": [ 256000000 ],"samples_ts": [ 2000 ]}`

func TestRowsThatNoTestPrinted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"cut short":       {` 2000 ]}`, ` 20`, "line 2: the row is cut short"},
		"NaN":             {`2000`, `-nan`, "line 2: no row of llama-bench"},
		"infinite":        {`2000`, `inf`, "line 2: no row of llama-bench"},
		"no samples":      {`[ 256000000 ],"samples_ts": [ 2000 ]`, `[],"samples_ts": []`, "line 2: pp512: no samples"},
		"one figure only": {`[ 2000 ]`, `[]`, "1 samples_ns and 0 samples_ts"},
		"no time":         {`256000000`, `0`, "sample 1 took 0 ns"},
		"back in time":    {`256000000`, `-256000000`, "took -256000000 ns"},
		"a contradiction": {`2000`, `2010`, "512 tokens in 256000000 ns are 2000 tokens/s, and the row says 2010"},
		"no tokens":       {`"n_prompt": 512`, `"n_prompt": 0`, "a test of 0 prompt and 0 generated tokens"},
		"negative":        {`"n_depth": 0`, `"n_depth": -1`, "at depth -1"},
		"no model":        {`"m"`, `""`, "no model_filename"},
		"no test time":    {`"test_time"`, `"time"`, "no test_time"},
		"a word":          {row, `llama_model_load: error`, "line 2:"},
	} {
		text := row + "\n" + strings.Replace(row, c.old, c.new, 1)
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if rows, err := Parse(strings.NewReader("\n" + row + "\n\n")); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestTestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pp512", "tg128", "pp2048@d32768", "tg32@d32768", "pp512+tg128"} {
		p, g, d, err := ParseTest(name)
		if err != nil || TestName(p, g, d) != name {
			t.Errorf("%s: %d, %d, %d, %v", name, p, g, d, err)
		}
	}
	for _, name := range []string{"", "pp", "pp0", "512", "@d5", "tg128pp512", "pp99999999999999999999", "pp512 @ d8192", "pp5+"} {
		if _, _, _, err := ParseTest(name); err == nil {
			t.Errorf("%q is read", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(row))
	if data, err := os.ReadFile("testdata/forms.jsonl"); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := Parse(bytes.NewReader(data))
		if err != nil && rows != nil {
			t.Error("rows and an error")
		}
		for i := range rows {
			if err := rows[i].Check(); err != nil {
				t.Error(err)
			}
		}
	})
}
