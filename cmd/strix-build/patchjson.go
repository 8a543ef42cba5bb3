package main

import (
	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/upstream"
)

// baseView is what programs see of a build.
type baseView struct {
	Build    string   `json:"build"`
	Commit   string   `json:"commit"`
	Releases []string `json:"releases,omitempty"`
}

func viewBase(m upstream.Mark) baseView {
	return baseView{Build: m.Build.String(), Commit: m.ID, Releases: m.Releases}
}

type reportView struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Builds   int           `json:"builds"`
	Looked   int           `json:"looked-at"`
	Trials   int           `json:"trials"`
	Forms    []formView    `json:"forms"`
	Findings []findingView `json:"findings"`
}

type formView struct {
	Set     string     `json:"set"`
	Form    string     `json:"form"`
	Window  string     `json:"window"`
	Because string     `json:"because,omitempty"`
	Applies []runView  `json:"applies"`
	Spans   []spanView `json:"spans"`
}

// runView is builds in a row that a form applies to; it may go on where the range ends.
type runView struct {
	From   string     `json:"from"`
	To     string     `json:"to"`
	Before bool       `json:"or-earlier,omitempty"`
	After  bool       `json:"or-later,omitempty"`
	Since  *fit.Cause `json:"since,omitempty"`
	Until  *fit.Cause `json:"until,omitempty"`
}

type spanView struct {
	From string `json:"from"`
	To   string `json:"to"`
	fit.Result
	Cause *fit.Cause `json:"cause,omitempty"`
}

type findingView struct {
	Kind  fit.Kind `json:"kind"`
	Set   string   `json:"set"`
	Form  string   `json:"form"`
	From  string   `json:"from,omitempty"`
	To    string   `json:"to,omitempty"`
	Text  string   `json:"text"`
	Hint  string   `json:"hint,omitempty"`
	Place string   `json:"place"`
}

func viewReport(r *fit.Report) reportView {
	v := reportView{From: r.From.Build.String(), To: r.To.Build.String(), Builds: r.Builds, Looked: r.Samples, Trials: r.Trials,
		Forms: []formView{}, Findings: viewFindings(r.Findings)}
	for _, f := range r.Forms {
		fv := formView{Set: f.Set.Name, Form: f.Name(), Window: f.Variant.Window.String(), Because: f.Variant.Because.Value,
			Applies: []runView{}, Spans: []spanView{}}
		for _, run := range f.Windows {
			fv.Applies = append(fv.Applies, runView{run.From.Build.String(), run.To.Build.String(), run.Before, run.After, run.Starts, run.Ends})
		}
		for _, s := range f.Spans {
			fv.Spans = append(fv.Spans, spanView{s.From.Build.String(), s.To.Build.String(), s.Result, s.Cause})
		}
		v.Forms = append(v.Forms, fv)
	}
	return v
}

func viewFindings(found []fit.Finding) []findingView {
	out := []findingView{}
	for _, f := range found {
		out = append(out, findingView{f.Kind, f.Form.Set.Name, f.Form.Name(), f.From.Build.String(), f.To.Build.String(), f.Text, f.Hint,
			f.Form.Variant.Pos.String()})
	}
	return out
}

type basesView struct {
	Bases    []onBaseView  `json:"bases"`
	Findings []findingView `json:"findings"`
}

type onBaseView struct {
	Set  string   `json:"set"`
	Base baseView `json:"base"`
	Form string   `json:"form,omitempty"`
	fit.Result
	Others []string `json:"would-apply,omitempty"` // forms whose windows leave the base out
}

func viewBases(on []fit.OnBase, found []fit.Finding) basesView {
	return basesView{Bases: viewOn(on), Findings: viewFindings(found)}
}

func viewOn(on []fit.OnBase) []onBaseView {
	out := []onBaseView{}
	for _, o := range on {
		v := onBaseView{Set: o.Set.Name, Base: viewBase(o.Base), Result: o.Result}
		if o.Form != nil {
			v.Form = o.Form.Name()
		}
		for _, f := range o.Others {
			v.Others = append(v.Others, f.Name())
		}
		out = append(out, v)
	}
	return out
}

// outlookView is what programs see of a forecast for one set.
type outlookView struct {
	Set    string       `json:"set"`
	At     []onBaseView `json:"at"`
	Broken bool         `json:"broken"`
	Break  *breakView   `json:"break,omitempty"`
	Next   string       `json:"next,omitempty"`
}

type breakView struct {
	Form  string      `json:"form"`
	Until string      `json:"until,omitempty"`
	Cause *fit.Cause  `json:"cause,omitempty"`
	State patch.State `json:"state"`
	Why   []string    `json:"conflicts,omitempty"`
}

func viewOutlook(o *fit.Outlook) outlookView {
	v := outlookView{Set: o.Set.Name, At: viewOn(o.At), Broken: o.Broken()}
	if b := o.Last; b != nil {
		v.Break = &breakView{Form: b.Form.Name(), Cause: b.Cause, State: b.State, Why: b.Why}
		if b.Until != nil {
			v.Break.Until = b.Until.Build.String()
		}
	}
	if o.Next != nil {
		v.Next = o.Next.Name()
	}
	return v
}
