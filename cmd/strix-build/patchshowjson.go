package main

import (
	"io/fs"

	"strix-build/internal/fit"
	"strix-build/internal/patch"
	"strix-build/internal/recipe"
)

// setView is what programs see of a patch set.
type setView struct {
	Set       string                       `json:"set"`
	Title     string                       `json:"title"`
	Class     string                       `json:"class"`
	Backends  []string                     `json:"backends"`
	Pull      int                          `json:"pull,omitempty"`
	Status    string                       `json:"status,omitempty"`
	CarriedBy []int                        `json:"superseded-by,omitempty"`
	Expect    map[string]map[string]string `json:"expect,omitempty"`
	Requires  []string                     `json:"requires,omitempty"`
	Conflicts []clashView                  `json:"conflicts,omitempty"`
	UsedBy    []string                     `json:"used-by"`
	Forms     []variantView                `json:"forms"`
}

type clashView struct {
	With    []string `json:"with"`
	Because string   `json:"because"`
	Origin  string   `json:"origin,omitempty"`
}

// variantView is a series with its files, or a pinned pull request.
type variantView struct {
	Form    string          `json:"form"`
	Window  string          `json:"window"`
	Because string          `json:"because,omitempty"`
	Warn    string          `json:"warn,omitempty"`
	Base    string          `json:"base,omitempty"`
	Head    string          `json:"head,omitempty"`
	Files   []patchFileView `json:"files,omitempty"`
}

type patchFileView struct {
	Name    string       `json:"name"`
	Subject string       `json:"subject,omitempty"`
	Why     string       `json:"why,omitempty"`
	Status  string       `json:"upstream-status,omitempty"`
	Expect  string       `json:"expect,omitempty"`
	Origin  string       `json:"origin,omitempty"`
	Changes []changeView `json:"changes"`
}

type changeView struct {
	Path    string `json:"path"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
}

func viewSet(fsys fs.FS, s *patch.Set) (*setView, error) {
	v := &setView{Set: s.Name, Title: s.Title.Value, Class: s.Class.Value, Backends: values(s.Backends), Pull: s.Upstream.Pull,
		Status: s.Upstream.Status.Value, CarriedBy: s.Upstream.SupersededBy, Expect: viewExpect(s.Expect), Requires: values(s.Requires),
		UsedBy: append([]string{}, users(fsys, s.Name)...), Forms: []variantView{}}
	for _, c := range s.Conflicts {
		v.Conflicts = append(v.Conflicts, clashView{values(c.With), c.Because.Value, c.Origin.Value})
	}
	for i := range s.Variants {
		form, err := viewVariant(fsys, s, &s.Variants[i])
		if err != nil {
			return nil, err
		}
		v.Forms = append(v.Forms, form)
	}
	return v, nil
}

func viewExpect(expect map[string]map[string]recipe.Text) map[string]map[string]string {
	out := map[string]map[string]string{}
	for class, cells := range expect {
		out[class] = map[string]string{}
		for cell, effect := range cells {
			out[class][cell] = effect.Value
		}
	}
	return out
}

func viewVariant(fsys fs.FS, s *patch.Set, v *patch.Variant) (variantView, error) {
	out := variantView{Form: v.Series.Value, Window: v.Window.String(), Because: v.Because.Value, Warn: v.Warn.Value}
	if v.Pull != nil {
		out.Form, out.Base, out.Head = fit.VariantName(v), v.Pull.Base.Value, v.Pull.Head.Value
		return out, nil
	}
	files, err := patchFiles(fsys, s, v)
	for _, f := range files {
		out.Files = append(out.Files, viewFile(f))
	}
	return out, err
}

func viewFile(f patchFile) patchFileView {
	h := f.header
	v := patchFileView{Name: f.name, Subject: h.Title, Why: h.Why, Status: h.Status, Expect: h.Expect, Origin: h.Origin, Changes: []changeView{}}
	for _, s := range f.stats {
		v.Changes = append(v.Changes, changeView{s.Path, s.Added, s.Removed})
	}
	return v
}
