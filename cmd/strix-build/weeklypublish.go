package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"strix-build/internal/build"
	"strix-build/internal/publish"
	"strix-build/internal/recipe"
	"strix-build/internal/store"
	"strix-build/internal/tag"
	"strix-build/internal/weekly"
)

// tagsOf are the tags of a repository at one time.
type tagsOf map[string]publish.Tagged

func (w *weeklyRun) tags(ctx context.Context) (tagsOf, error) {
	list, err := w.repo.Tags(ctx)
	if err != nil {
		return nil, err
	}
	out := tagsOf{}
	for _, t := range list {
		out[t.Tag.String()] = t
	}
	return out, nil
}

// publishTrack publishes the siblings that were built, one after the other, or all in one with --together.
func (w *weeklyRun) publishTrack(ctx context.Context, track string, names []string) error {
	have, err := w.tags(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.failed(track, nil, withHint(fmt.Errorf("publish: %w", err)))
		return nil
	}
	var wanted []string
	for _, name := range names {
		if w.toPublish(track, name, have) {
			wanted = append(wanted, name)
		}
	}
	if w.o.together && len(wanted) > 0 {
		return w.publishTogether(ctx, track, wanted)
	}
	for _, name := range wanted {
		bad := w.run.Sibling(track, name).Bad()
		err := w.send(ctx, []string{name}, track, bad)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.published(ctx, track, name, err, bad)
		if err := w.keep(); err != nil {
			return err
		}
	}
	return nil
}

// toPublish reports whether there is anything to send or to move for a sibling.
func (w *weeklyRun) toPublish(track, name string, have tagsOf) bool {
	r := w.results[track+"/"+name]
	if r == nil {
		return false
	}
	s := w.run.Sibling(track, name)
	p, err := w.publication(w.images, r.Ref)
	if p == nil {
		w.failed(track, s, err)
		return false
	}
	s.Tag = p.release.Fixed.String()
	if !s.Done() || s.Was == "" { // one that goes on may have moved it already
		s.Was = have[p.record.Tags[0]].Digest
	}
	if have.settled(p.release.Fixed, p.record) {
		return false // also where nobody could judge it again, because the policy is another now
	}
	if err != nil {
		w.failed(track, s, err)
		return false
	}
	return have[s.Tag].Digest != r.Digest || p.judged.moves == movesChannel
}

// settled reports whether an image is there, and is all its channels, or was taken away from them by a rollback.
func (t tagsOf) settled(fixed tag.Tag, r *store.Record) bool {
	is := func(name tag.Tag) bool { return t[name.String()].Digest == r.Digest }
	return is(fixed) && !slices.ContainsFunc(r.Tags, func(channel string) bool {
		return !is(tag.Moving(channel, tag.Channel)) && !is(tag.Moving(channel, tag.Rejected))
	})
}

// send publishes images; what nothing here could judge, or what was refused, as a candidate.
func (w *weeklyRun) send(ctx context.Context, names []string, track string, candidates bool) error {
	o := publishFlags{signerFlags: w.o.signing, to: w.o.to, out: w.err, candidateOnly: candidates, together: w.o.together}
	var refs []string
	for _, name := range names {
		r := w.results[track+"/"+name]
		refs = append(refs, r.Ref)
		o.candidateOnly = o.candidateOnly || !judgedRecord(r.Record)
	}
	return w.publish(ctx, refs, o)
}

// published writes down what came of publishing an image. One that is bad is there as a candidate, to be looked at.
func (w *weeklyRun) published(ctx context.Context, track, name string, err error, bad bool) {
	s := w.run.Sibling(track, name)
	if err != nil {
		w.failed(track, s, err)
		return
	}
	if bad {
		return
	}
	s.State = weekly.Moved
	for _, channel := range w.results[track+"/"+name].Tags {
		is, err := w.repo.Head(ctx, channel)
		if err != nil {
			w.failed(track, s, withHint(err))
		} else if is != s.Digest {
			s.State = weekly.Candidate
		}
	}
}

// publishTogether moves the channels of a track in one, or publishes candidates where one of its siblings cannot be moved.
func (w *weeklyRun) publishTogether(ctx context.Context, track string, names []string) error {
	incomplete := w.incomplete(track)
	err := w.send(ctx, names, track, incomplete != "")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, name := range names {
		s := w.run.Sibling(track, name)
		if w.published(ctx, track, name, err, s.Bad()); s.State == weekly.Candidate {
			s.Why = incomplete
		}
	}
	return w.keep()
}

// incomplete says why not all siblings of a track can be moved together; "": they can.
func (w *weeklyRun) incomplete(track string) string {
	var bad []string
	for _, s := range w.run.Siblings {
		if s.Track == track && (s.Bad() || s.Verdict == "" || s.Verdict == store.Ungated) {
			bad = append(bad, s.Recipe)
		}
	}
	if len(bad) == 0 {
		return ""
	}
	return "--together moves all channels of a track or none, and not that of " + strings.Join(bad, ", ")
}

// prune removes what is old and of no use. That it cannot is a problem, and nothing else depends on it.
func (w *weeklyRun) prune(ctx context.Context) error {
	if w.o.days == 0 {
		return nil
	}
	p := publish.Pruning{Before: time.Now().UTC().AddDate(0, 0, -w.o.days), Keep: w.o.newest}
	plan, err := w.repo.Plan(ctx, p)
	if err == nil && !w.o.dryRun {
		plan, err = w.repo.Prune(ctx, p, plan)
	}
	for _, gone := range plan {
		for _, t := range gone.Tags {
			w.run.Pruned = append(w.run.Pruned, t.String())
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.failed("", nil, withHint(fmt.Errorf("prune: %w", err)))
	}
	return nil
}

// channels looks at what users get now, and complains of what is too old: a job that fails every week, or no longer runs at all, is noticed by that.
func (w *weeklyRun) channels(ctx context.Context) error {
	have, err := w.tags(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		w.failed("", nil, withHint(fmt.Errorf("channels: %w", err)))
		return nil
	}
	none := true
	for _, s := range w.run.Siblings {
		for _, name := range w.channelsOf(s) {
			c := channelOf(name, have)
			none = none && c.Digest == ""
			if err := w.tooOld(c); err != nil && have[name].Retired == nil && !w.ends(s.Track) {
				c.TooOld = true
				w.errs = append(w.errs, err)
			}
			w.run.Channels = append(w.run.Channels, c)
		}
	}
	if none && w.o.check { // a name that is wrong must not pass for ever
		w.errs = append(w.errs, &build.HintError{Err: &refusedError{fmt.Sprintf("%s has none of these channels", w.repo)}, Hint: "is that the repository, and may this machine read it?"})
	}
	return nil
}

// tooOld complains of a channel whose image is too old, or of no day that anybody could tell.
func (w *weeklyRun) tooOld(c weekly.Channel) error {
	days, said := w.run.Days(c), ""
	switch {
	case c.Digest == "" || w.o.maxAge == 0 || !c.Built.IsZero() && days <= w.o.maxAge:
		return nil
	case c.Built.IsZero():
		said = fmt.Sprintf("%s:%s is %.19s, and no tag says of which day that is", w.repo, c.Recipe, c.Digest)
	default:
		said = fmt.Sprintf("%s:%s is of %s, %d days ago: older than %d days", w.repo, c.Recipe, c.Built.Format(time.DateOnly), days, w.o.maxAge)
	}
	return &build.HintError{Err: &refusedError{said}, Hint: fmt.Sprintf("see what became of the newest: strix-build verify %s:%s", w.repo, tag.Moving(c.Recipe, tag.Candidate))}
}

// ends reports whether a track ends at a build of before: nothing new comes, so its images grow old.
func (w *weeklyRun) ends(track string) bool {
	t, err := recipe.LoadTrack(w.p.FS, track)
	return err == nil && t.LlamaCpp.Hi() != 0
}

// channelOf finds what a channel is, and its day, by the fixed tag of the same image.
func channelOf(name string, have tagsOf) weekly.Channel {
	c := weekly.Channel{Recipe: name, Digest: have[name].Digest}
	if c.Digest == "" || have[name].Retired != nil {
		return c
	}
	for n, t := range have {
		if t.Digest != c.Digest || t.Tag.Kind != tag.Fixed {
			continue
		}
		if day := t.Tag.Day(); day.After(c.Built) {
			c.Tag, c.Built = n, day
		}
	}
	return c
}

// channelsOf are the channels that an image of a sibling is made for. A recipe that cannot be read has the one of its name.
func (w *weeklyRun) channelsOf(s weekly.Sibling) []string {
	if r := w.results[s.Track+"/"+s.Recipe]; r != nil {
		return r.Tags
	}
	r, err := w.onTrack(s)
	if err != nil {
		return []string{s.Recipe}
	}
	return r.ImageTags()
}
