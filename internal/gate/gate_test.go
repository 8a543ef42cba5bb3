package gate

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strix-build/internal/recipe"
)

// policy is small enough to read a plan of.
func policy() Policy {
	return Policy{Name: "test", Device: recipe.AnyDevice, Limits: map[string]float64{"pp512": 0.03, "tg128": 0.01, "pp512@d4096": 0.03}, Error: 0.05,
		Looks: []int{5, 8, 12}, Canary: 1, Repetitions: 1}
}

// world is a host and two images, for a gate without processes.
type world struct {
	*Evidence
	rng   *rand.Rand
	now   time.Time
	noise float64                           // of each process
	speed func(s Step, test string) float64 // of the programs; nil: 1000 for both
	mend  func(n int, s *Sample)            // changes what was measured
}

func newWorld(policy Policy) *world {
	e := &Evidence{Version: EvidenceVersion, Policy: policy, Candidate: Subject{Name: "b"}, Baseline: &Subject{Name: "a"}, Device: Device{Kind: "cpu", Name: "x"},
		Runs: []Run{{Class: "moe", Model: "noise", Tests: []string{"pp512", "tg128"}}, {Class: "moe", Model: "noise", Depth: 4096, Tests: []string{"pp512@d4096"}}}}
	return &world{Evidence: e, rng: rand.New(rand.NewPCG(1, 1)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), noise: 0.002}
}

// run goes on until the gate has enough, or n processes are done.
func (w *world) run(n int) *Evidence {
	for len(w.Samples) < n {
		step, more := Next(w.Evidence)
		if !more {
			break
		}
		s := Sample{Step: step, Began: w.now, Seconds: 60}
		for _, test := range w.Runs[step.Run].Tests {
			speed := 1000.
			if w.speed != nil {
				speed = w.speed(step, test)
			}
			s.Rows = append(s.Rows, rowOf(test, speed*(1+w.noise*w.rng.NormFloat64()), w.now))
		}
		if w.mend != nil {
			w.mend(len(w.Samples), &s)
		}
		w.Samples = append(w.Samples, s)
		w.now = w.now.Add(time.Minute)
	}
	return w.Evidence
}

const all = 1 << 20

func factor(x float64, tests ...string) func(Step, string) float64 {
	return func(s Step, test string) float64 {
		if s.Arm == Candidate && (len(tests) == 0 || strings.Contains(strings.Join(tests, " "), test)) {
			return 1000 * x
		}
		return 1000
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    func(w *world)
		n      int
		want   Word
		reason string
	}{
		"the same":          {func(*world) {}, all, Pass, "no cell of 3 is slower by its limit, after 5 rounds"},
		"slower":            {func(w *world) { w.speed = factor(0.94) }, all, Regressed, "slower: moe/pp512 -"},
		"slower in one":     {func(w *world) { w.speed = factor(0.98, "tg128") }, all, Regressed, "slower: moe/tg128 -"},
		"slower by less":    {func(w *world) { w.speed = factor(0.985, "pp512") }, all, Pass, ""},
		"faster":            {func(w *world) { w.speed = factor(1.1, "pp512") }, all, Pass, "faster: moe/pp512 +"},
		"faster and slower": {func(w *world) { w.speed = mixed }, all, Mixed, "slower: moe/tg128 -"},
		"noise":             {func(w *world) { w.noise = 0.08 }, all, Inconclusive, "after 12 rounds neither slower nor not: moe/pp512"},
		"stopped":           {func(w *world) { w.Ended = "interrupted" }, 20, Inconclusive, "interrupted after 20 processes: the same command goes on from here"},
		"no time":           {func(w *world) { w.Policy.Budget = 30 * time.Minute }, all, Inconclusive, "the time of 30m0s is used up"},
		"no device":         {func(w *world) { w.Policy.Device = "gfx1151" }, all, Smoke, "no gfx1151 device was there: this ran on cpu (x)"},
		"no baseline":       {func(w *world) { w.Baseline, w.Runs = nil, nil }, all, Smoke, "there was no baseline"},
		"a failed check":    {func(w *world) { w.Checks = []Check{{Stage: Static, Name: "targets", Why: "gfx1100 in libggml-hip.so"}} }, all, Failed, "static: targets: gfx1100"},
		"slower and wrong": {func(w *world) {
			w.speed = factor(0.9)
			w.Checks = []Check{{Stage: Correctness, Name: "answers", Why: "no"}}
		}, all, Failed, ""},
		"a step":            {func(w *world) { w.speed = stepDown }, all, Invalid, "and by -9."},
		"drift":             {func(w *world) { w.speed = coolDown }, all, Invalid, "from the first half to the second"},
		"an order":          {func(w *world) { w.speed = order }, all, Invalid, "the baseline against itself moved by +5."},
		"a loud host":       {func(w *world) { w.noise = 0.05; w.Policy.Looks = []int{24} }, all, Inconclusive, ""},
		"a busy host":       {func(w *world) { w.Policy.Others = 0.5; w.mend = func(_ int, s *Sample) { s.Others = 0.8 } }, all, Invalid, "other processes kept 0.80 CPUs busy"},
		"a row too many":    {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows = append(s.Rows, s.Rows[0]) }) }, all, Invalid, "were asked for"},
		"fewer repetitions": {func(w *world) { w.Policy.Repetitions = 2 }, all, Invalid, "1 repetition, and 2 were asked for"},
		"the baseline elsewhere": {func(w *world) {
			w.mend = func(_ int, s *Sample) {
				if s.Arm == Candidate {
					s.Rows[0].GPU, s.Rows[0].GPULayers = "Radeon", 99
				}
			}
		}, all, Invalid, "rows of two devices"},
		"other options":        {func(w *world) { w.mend = on(9, func(s *Sample) { s.Command = []string{"llama-bench", "-t", "1"} }) }, all, Invalid, "rows of two commands"},
		"other settings":       {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Threads = 1 }) }, all, Invalid, "rows of two settings"},
		"another model's size": {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Params = 1 }) }, all, Invalid, "rows of two models"},
		"a GPU that was not there": {func(w *world) { w.Policy.Device, w.Device.Kind = "gfx1151", "gfx1151" }, all, Invalid,
			"computed by the CPU, and the document says gfx1151"},
		"another build than named": {func(w *world) { w.Candidate.Build = "b1"; w.mend = func(_ int, s *Sample) { s.Rows[0].Build = 9880 } }, all, Invalid,
			"rows of build b9880, and the image is of b1"},
		"two builds":    {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Build++ }) }, all, Invalid, "rows of two builds"},
		"another GPU":   {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].GPU = "other" }) }, all, Invalid, "rows of two GPUs"},
		"another model": {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Model = "/m/other" }) }, all, Invalid, `a row of model "other", and "noise" was asked for`},
		"no rows":       {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows = nil }) }, all, Invalid, `process 10, baseline: rows of [], and ["pp512@d4096"] were asked for`},
		"the device is gone": {func(w *world) { w.mend = on(17, func(s *Sample) { s.Fault = "llama-bench: exit status 1" }) }, all, Invalid,
			"process 18, candidate: llama-bench: exit status 1"},
		"the clock was set":             {func(w *world) { w.mend = on(9, func(s *Sample) { s.Began = s.Began.Add(time.Hour) }) }, all, Invalid, "the clock was set"},
		"rows of another run":           {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Time = s.Began.Add(-time.Hour) }) }, all, Invalid, "rows of another process"},
		"a row that contradicts itself": {func(w *world) { w.mend = on(9, func(s *Sample) { s.Rows[0].Speeds[0] *= 2 }) }, all, Invalid, "and the row says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(policy())
			c.set(w)
			v := Judge(w.run(c.n))
			if v.Word != c.want || !strings.Contains(strings.Join(v.Reasons, "\n"), c.reason) {
				t.Errorf("%s %q, want %s with %q", v.Word, v.Reasons, c.want, c.reason)
			}
		})
	}
}

func mixed(s Step, test string) float64 {
	if s.Arm == Candidate {
		return map[string]float64{"pp512": 1100, "tg128": 950, "pp512@d4096": 1000}[test]
	}
	return 1000
}

// coolDown is a host that slows down from the second round on.
func coolDown(s Step, _ string) float64 {
	if s.Part == CanaryEnd || s.Part == Round && s.Round > 2 {
		return 900
	}
	return 1000
}

// order is a host on which a process is faster that runs after one of the same image.
func order(s Step, _ string) float64 {
	if s.Part == Round && s.Place%2 == 0 || s.Part != Round && s.Place%2 == 1 {
		return 1060
	}
	return 1000
}

// stepDown is a host that slows down between the rounds and the end.
func stepDown(s Step, _ string) float64 {
	if s.Part == CanaryEnd {
		return 900
	}
	return 1000
}

func on(n int, do func(*Sample)) func(int, *Sample) {
	return func(i int, s *Sample) {
		if i == n {
			do(s)
		}
	}
}

func TestSamplesOutOfOrderAreInvalid(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(e *Evidence){
		"swapped":    func(e *Evidence) { e.Samples[12].Arm, e.Samples[13].Arm = e.Samples[13].Arm, e.Samples[12].Arm },
		"one less":   func(e *Evidence) { e.Samples = append(e.Samples[:15:15], e.Samples[16:]...) },
		"one more":   func(e *Evidence) { e.Samples = append(e.Samples, e.Samples[len(e.Samples)-1]) },
		"picked out": func(e *Evidence) { e.Policy.Looks = []int{6} },
	} {
		e := newWorld(policy()).run(all)
		do(e)
		if v := Judge(e); v.Word != Invalid {
			t.Errorf("%s: %s %q", name, v.Word, v.Reasons)
		}
	}
}

// TestPlan is what a gate runs when nothing differs.
func TestPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(policy())
	w.speed = func(s Step, test string) float64 { // one run needs a second look
		if s.Arm == Candidate && test == "tg128" && (s.Round == 4 || s.Round == 5) {
			return 985
		}
		return 1000
	}
	w.run(all)
	var got strings.Builder
	for _, s := range w.Samples {
		if s.Place == 0 {
			got.WriteString("\n" + string(s.Part) + " " + w.Runs[s.Run].Name() + " ")
		}
		got.WriteString(string(s.Arm[0]))
	}
	want := `
warm-up moe bc
warm-up moe@d4096 bc
canary-start moe bbbb
canary-start moe@d4096 bbbb` + strings.Repeat(`
round moe bccb
round moe@d4096 bccb`, 5) + strings.Repeat(`
round moe bccb`, 3) + `
canary-end moe bbbb
canary-end moe@d4096 bbbb`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestGoesOn cuts a gate at every place: what runs next, and the verdict, do not depend on it.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(policy())
	w.speed = factor(0.975, "pp512")
	full := w.run(all)
	for n := range full.Samples {
		cut := *full
		cut.Samples = full.Samples[:n]
		step, more := Next(&cut)
		if !more || step != full.Samples[n].Step {
			t.Fatalf("after %d processes %+v comes next, not %+v", n, step, full.Samples[n].Step)
		}
		if v := Judge(&cut); v.Word == Pass || v.Word == Invalid {
			t.Fatalf("after %d processes: %s %q", n, v.Word, v.Reasons)
		}
	}
}

func TestReadGivesTheSameVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(policy())
	w.speed = mixed
	e := w.run(all)
	v := Judge(e)
	e.Verdict = &v
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, v), encoded(t, Judge(again))); diff != "" {
		t.Error(diff)
	}
}

func encoded(t *testing.T, v Verdict) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(newWorld(policy()).run(8))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"a newer format":    {`"version":1`, `"version":2`, "evidence of format 2; this program reads format 1"},
		"no format":         {`"version":1`, `"version":0`, "evidence of format 0"},
		"an unknown key":    {`"tool"`, `"toll"`, `unknown field "toll"`},
		"NaN":               {`"error":0.05`, `"error":NaN`, "invalid character 'N'"},
		"no such run":       {`"run":1,`, `"run":7,`, "is of run 7; there are 2"},
		"no such place":     {`"place":1,`, `"place":9,`, "place 9"},
		"a limit of zero":   {`"tg128":0.01`, `"tg128":0`, `limit for "tg128" is 0`},
		"falling looks":     {`[5,8,12]`, `[8,5]`, "want rising numbers"},
		"an error of half":  {`"error":0.05`, `"error":0.5`, "an error of 0.5"},
		"no canary":         {`"canary":1`, `"canary":0`, "0 rounds of the canary"},
		"an endless canary": {`"canary":1`, `"canary":4000000000000000000`, "rounds of the canary"},
		"no device":         {`"device":"any"`, `"device":""`, "the policy names no device"},
		"a key twice":       {`"version":1`, `"version":1,"Policy":{}`, `key "policy" is there twice`},
		"a key in disguise": {`"version":1`, `"version":1,"polic\u0079":{}`, `key "policy" is there twice`},
		"deeper":            {`"kind":"cpu"`, `"kind":"cpu","x":[{"a":["}",{}],"b":1},{"a":"\"","a":2}]`, `key "a" is there twice`},
		"a test left out":   {`"tests":["pp512","tg128"]`, `"tests":["pp512"]`, "the policy limits"},
		"a class left out":  {`"classes":null`, `"classes":["dense"]`, `no run is of class "dense"`},
		"cut short":         {`"samples":[`, `"samples":[[`, "no evidence"},
	} {
		text := strings.Replace(string(good), c.old, c.new, 1)
		if _, err := Read([]byte(text)); text == string(good) || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(append(good, good...)); err == nil {
		t.Error("two documents are read")
	}
}

func FuzzRead(f *testing.F) {
	good, err := json.Marshal(newWorld(policy()).run(40))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"policy":{"error":0.05,"looks":[1000000]},"runs":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Read(data)
		if err != nil {
			return
		}
		if v := Judge(e); v.Word == "" {
			t.Errorf("no verdict: %+v", v)
		}
		for _, s := range e.Samples {
			for i := range s.Rows {
				if s.Rows[i].Check() != nil && Judge(e).Word == Pass {
					t.Error("a row that no test printed, and PASS")
				}
			}
		}
	})
}

// TestCurveOnGfx1151 plays gates on what a Strix Halo measured while nothing changed: what the shipped policy "standard" is
// chosen by.
func TestCurveOnGfx1151(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/noise-gfx1151.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]float64
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	noise := Noise{}
	for _, r := range rows {
		noise["pp512"], noise["tg128"] = append(noise["pp512"], r["pp"]), append(noise["tg128"], r["tg"])
	}
	p := Policy{Limits: map[string]float64{"pp512": 0.03, "tg128": 0.01}, Error: 0.05, Looks: []int{6, 10, 16, 24}, Canary: 1}
	for name, draw := range map[string]Drawing{"windows": Windows, "blocks": Blocks} {
		points, err := Curve(t.Context(), p, noise, draw, map[string][]float64{"pp512": {0, 0.05}, "tg128": {0.02}}, 107, 1)
		if err != nil {
			t.Fatal(err)
		}
		same, prefill, decode := points[0], points[1], points[2]
		if same.Share(Regressed, Mixed) > 0.01 || same.Share(Inconclusive) > 0.05 || same.Share(Invalid) > 0.05 {
			t.Errorf("%s: nothing changed: %v", name, same.Words)
		}
		if prefill.Share(Regressed) < 0.95 || decode.Share(Regressed) < 0.95 {
			t.Errorf("%s: 5 %% of prefill lost: %v, 2 %% of decode: %v", name, prefill.Words, decode.Words)
		}
	}
}
