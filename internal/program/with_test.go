package program

import (
	"context"
	"slices"
	"testing"
)

type recorder struct{ got Command }

func (r *recorder) Run(_ context.Context, c Command) error {
	r.got = c
	return nil
}

func TestTheLastOfANameCounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ with, env, unset []string }{
		{[]string{"A=1", "AB=1", "A=2"}, []string{"AB=1", "A=2"}, nil},
		{[]string{"A=1", "A"}, nil, []string{"A"}},
		{[]string{"A", "A="}, []string{"A="}, nil},
		{[]string{"OWN=2", "GONE=1"}, []string{"OWN=2", "GONE=1"}, nil},
	} {
		r := &recorder{}
		c := Command{}
		if tc.with[0] == "OWN=2" { // what the command has itself comes first
			c.Env, c.Unset = []string{"OWN=1"}, []string{"GONE"}
		}
		if err := With(r, tc.with).Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.got.Env, tc.env) || !slices.Equal(r.got.Unset, tc.unset) {
			t.Errorf("%q: env %q without %q, want %q without %q", tc.with, r.got.Env, r.got.Unset, tc.env, tc.unset)
		}
	}
}
