package publish

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// lateRegistry answers with another time than it is.
func lateRegistry(t *testing.T, f *fake, by func() time.Duration, age string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(by()).UTC().Format(http.TimeFormat))
		if age != "" {
			w.Header().Set("Age", age)
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/me/llama"
}

// TestClock: nothing is sent or moved where the clocks are a day apart, either way; a cache's age is no error of a clock.
func TestClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		by   time.Duration
		age  string
		fine bool
	}{
		"a day late":            {24 * time.Hour, "", false},
		"a day early":           {-24 * time.Hour, "", false},
		"UTC taken for CET":     {-2 * time.Hour, "", false},
		"some minutes":          {10 * time.Minute, "", true},
		"from a cache":          {-24 * time.Hour, "86400", true},
		"a cache in the future": {24 * time.Hour, "86400", false},
	} {
		f, right := newFake(t, takeAll, true)
		repo := lateRegistry(t, f, func() time.Duration { return tc.by }, tc.age)
		there := channelOf(t, open(t, right), "rocm")
		next, err := open(t, right).Release(t.Context(), release(t, image(t)))
		if err != nil {
			t.Fatal(err)
		}
		f.forget()
		for what, do := range map[string]func(*Repository) error{
			"release": func(r *Repository) error { _, err := r.Release(t.Context(), release(t, image(t))); return err },
			"promote": func(r *Repository) error { return r.Promote(t.Context(), "rocm", next.Digest, there) },
			"retire": func(r *Repository) error {
				_, err := r.Retire(t.Context(), Retired{Recipe: "rocm-mmq-candidate", Successor: "rocm", Reason: "x"}, Notary{})
				return err
			},
		} {
			err := do(open(t, repo))
			var clock *ClockError
			if tc.fine && err != nil || !tc.fine && (!errors.As(err, &clock) || !strings.Contains(err.Error(), "this machine's clock says 20")) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if !tc.fine && len(f.writes) > 0 {
			t.Errorf("%s: it wrote %q", name, f.writes)
		}
	}
}

// TestClockTakesTheNearest answer: one of an old cache among them.
func TestClockTakesTheNearest(t *testing.T) {
	t.Parallel()
	f, _ := newFake(t, takeAll, true)
	n := 0
	repo := lateRegistry(t, f, func() time.Duration {
		if n++; n == 2 {
			return 0
		}
		return -48 * time.Hour
	}, "")
	r := open(t, repo)
	for range 3 {
		if _, err := r.Head(t.Context(), "rocm"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Clock(); err != nil {
		t.Error(err)
	}
}
