package fit

import (
	"context"
	"slices"
)

// trialStep is how far apart the builds are whose patches are tried for the report alone.
const trialStep = 64

// fill adds to the candidates that were ruled out without a trial whether the patch sets apply there. Where two builds
// with the same outcome are no more than trialStep apart, what lies between them is taken to have it too.
func (s *search) fill(ctx context.Context) error {
	o := outcomes{search: s, seen: map[int]judged{}}
	for i, v := range s.judged {
		if v.reasons[0].Why != ByTrack { // what the track itself leaves out is of no interest
			o.at = append(o.at, i)
		}
	}
	if len(o.at) == 0 {
		return nil
	}
	starts, err := edges(o.samples(), func(a, b int) (bool, error) { return o.equal(ctx, a, b) }, nil)
	if err != nil {
		return err
	}
	starts = append([]int{0}, starts...)
	for n, from := range starts {
		v, err := o.look(ctx, from)
		if err != nil {
			return err
		}
		to := len(o.at)
		if n+1 < len(starts) {
			to = starts[n+1]
		}
		for _, i := range o.at[from:to] {
			s.judged[i].take(v)
		}
	}
	return nil
}

// take adds the outcome of a trial on a build like this one.
func (j *judged) take(v judged) {
	if !j.tried {
		j.reasons = append(slices.Clone(j.reasons), v.reasons...)
		j.fits = v.fits
	}
}

// outcomes are trials on candidates, each made when it is first asked for.
type outcomes struct {
	*search
	at   []int // indexes of candidates
	seen map[int]judged
}

func (o *outcomes) look(ctx context.Context, k int) (judged, error) {
	if v, ok := o.seen[k]; ok {
		return v, nil
	}
	r, fits, err := o.trial(ctx, o.marks[o.at[k]])
	o.seen[k] = judged{reasons: r, fits: fits}
	return o.seen[k], err
}

func (o *outcomes) equal(ctx context.Context, a, b int) (bool, error) {
	x, err := o.look(ctx, a)
	if err != nil {
		return false, err
	}
	y, err := o.look(ctx, b)
	return x.reasons.equal(y.reasons) && slices.Equal(x.fits, y.fits), err
}

// samples are the members of at, by index, that get a trial in any case: every trialStep-th, releases, both ends, and
// those beside a change of the reasons known so far.
func (o *outcomes) samples() []int {
	out := []int{0, len(o.at) - 1}
	for k, i := range o.at {
		changed := k > 0 && !o.judged[i].reasons.equal(o.judged[o.at[k-1]].reasons)
		if changed {
			out = append(out, k-1)
		}
		if changed || len(o.marks[i].Releases) > 0 || k%trialStep == 0 {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
