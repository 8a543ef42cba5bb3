package faults

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	const n = 300
	plan := Plan(7, n, Kinds())
	if again := Plan(7, n, Kinds()); !slices.Equal(plan, again) {
		t.Error("the same seed plans something else")
	}
	if other := Plan(8, n, Kinds()); slices.Equal(plan, other) {
		t.Error("another seed plans the same")
	}
	kinds, ops := map[Kind]int{}, map[Operation]int{}
	for i, f := range plan {
		kinds[f.Kind]++
		ops[f.Operation]++
		if f.Number != i+1 || f.Where < 0 || f.Where >= 1 || f.Times < 1 {
			t.Errorf("%+v", f)
		}
		if f.Kind.at() == aBody && f.Operation == Rollback {
			t.Errorf("%s: a rollback sends next to nothing", f)
		}
	}
	for _, k := range Kinds() {
		if kinds[k] != n/len(Kinds()) {
			t.Errorf("%s: %d times, want %d", k, kinds[k], n/len(Kinds()))
		}
		if k.Text() == string(k) {
			t.Errorf("%s has no text", k)
		}
	}
	for _, op := range Operations() {
		if ops[op] < n/len(Operations())/4 {
			t.Errorf("%s: %d times", op, ops[op])
		}
	}
	if ops[Publish] < n/2 {
		t.Errorf("%d publications", ops[Publish])
	}
}

// TestHalfway: what reads a body gets half of it and an error, and what is to happen happens once.
func TestHalfway(t *testing.T) {
	t.Parallel()
	for body, half := range map[string]int64{"0123456789": 5, "01": 5} { // the second is shorter than was thought
		times := 0
		got, err := io.ReadAll(&halfway{ReadCloser: io.NopCloser(strings.NewReader(body)), left: half, then: func() { times++ }})
		if want := body[:min(half, int64(len(body)))]; string(got) != want || !errors.Is(err, errHalfway) || times != 1 {
			t.Errorf("%q: %q, %v, %d times", body, got, err, times)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	trials := []*Trial{
		{Fault: Fault{Number: 1, Operation: Publish, Kind: KillAfter, Where: 0.5}, Registry: "embedded", Ended: Killed, Hit: 1, First: Traffic{Sent: 3 << 20}, Second: Traffic{Sent: 1 << 20}, Took: time.Second},
		{Fault: Fault{Number: 2, Operation: Copy, Kind: Error500}, Registry: "embedded", Ended: GaveUp, Hit: 3, Second: Traffic{Again: 12}, Wrong: []string{"12 bytes"}},
		{Fault: Fault{Number: 3, Operation: Copy, Kind: Error500}, Registry: "embedded", Ended: WentOn, Hit: 1},
	}
	var b strings.Builder
	if err := Table(&b, trials); err != nil {
		t.Fatal(err)
	}
	const want = `| fault | trials | went on by itself | gave up, and was run again | killed, and was run again | sent, MiB | sent though they were there, bytes of blobs | something wrong |
|---|---|---|---|---|---|---|---|
| strix-build killed (-9) before it hears the answer | 1 | 0 | 0 | 1 | 4.0 | 0 | 0 |
| 500, one to five times | 2 | 1 | 1 | 0 | 0.0 | 12 | 1 |
| **all** | 3 | 1 | 1 | 1 | 4.0 | 12 | 1 |
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	b.Reset()
	if err := Aligned(&b, trials); err != nil {
		t.Fatal(err)
	}
	const aligned = `FAULT       TRIALS  WENT ON  AGAIN  KILLED  MIB  WRONG
kill-after  1       0        0      1       4.0  0
error-500   2       1        1      0       0.0  1
`
	if b.String() != aligned {
		t.Errorf("got\n%s", b.String())
	}
	if got := trials[0].Line(); got != "1: publish, kill-after at 50 %: killed, 1 times, 1.0 s" {
		t.Error(got)
	}
	if failed := Failed(trials); len(failed) != 1 || failed[0].Number != 2 {
		t.Error(failed)
	}
}
