package recipe

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/tag"
	"strix-build/internal/version"
)

// nameWords says what nameForm allows.
const nameWords = "a name has lower-case letters, digits and . _ - only"

// keepAll is the value of keep-gpus that turns the cut off.
const keepAll = "all"

var (
	nameForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	variableForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	cmakeForm      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	targetForm     = regexp.MustCompile(`^gfx[0-9a-f]{3,5}$`)
	commitForm     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256Form     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	packageForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._:~*=@/-]*$`)
	programForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`)
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^[^@\s]+@sha256:[0-9a-f]{64}$`)
	stubForm       = regexp.MustCompile(`^[A-Za-z0-9_./+-]+\.so[0-9.]*$`)
	lineForm       = regexp.MustCompile(`^[^\pC]*[^\pC\s][^\pC]*$`)
)

// checker collects what is wrong with the values of one file. A Text without a place is one that is missing or
// could not be read: its problem is known, and its value says nothing.
type checker struct {
	list  *diag.List
	file  string
	clean bool // the file decoded without a problem
}

// form reports t when it has not the form; words complete "… is not …".
func (c *checker) form(t Text, form *regexp.Regexp, words string) {
	if !t.Pos.IsZero() && !form.MatchString(t.Value) {
		c.list.Add(t.Pos, "", "%q is not %s", t.Value, words)
	}
}

func (c *checker) name(t Text, what string) {
	if !t.Pos.IsZero() && !nameForm.MatchString(t.Value) {
		c.list.Add(t.Pos, nameWords, "%q is not a %s's name", t.Value, what)
	}
}

// channel reports a name that a channel cannot have. What has not the form of a name is reported as that.
func (c *checker) channel(t Text) {
	if t.Pos.IsZero() || !tagForm.MatchString(t.Value) {
		return
	}
	if err := tag.CheckRecipe(t.Value); err != nil {
		c.list.Add(t.Pos, "a recipe's name and its tags are names of channels: choose another", "%v", err)
	}
}

// trackEnd reports a track whose name, which ends those of its siblings, makes them something else.
func (c *checker) trackEnd(t Text) {
	const some = "RECIPE"
	if t.Pos.IsZero() || !nameForm.MatchString(t.Value) {
		return
	}
	if err := tag.CheckRecipe(some + "-" + t.Value); err != nil {
		c.list.Add(t.Pos, "siblings are called RECIPE-TRACK: choose another", "%v", err)
	}
}

// fileName reports a document whose name is not its file's: the file's is the one people type.
func (c *checker) fileName(t Text, want string) {
	if !t.Pos.IsZero() && t.Value != want {
		c.list.Add(t.Pos, "rename one of them", "name is %q, the file's is %q", t.Value, want)
	}
}

// each reports the members of ts that have not the form, and those that are there twice.
func (c *checker) each(ts []Text, form *regexp.Regexp, words string) {
	seen := map[string]bool{}
	for _, t := range ts {
		if seen[t.Value] && !t.Pos.IsZero() {
			c.list.Add(t.Pos, "", "%q is listed twice", t.Value)
			continue
		}
		seen[t.Value] = seen[t.Value] || !t.Pos.IsZero()
		c.form(t, form, words)
	}
}

// some reports a list that is there but empty.
func (c *checker) some(ts []Text, places strictyaml.Places, key string) {
	if ts != nil && len(ts) == 0 {
		c.list.Add(places[key], "", "%q lists nothing", key)
	}
}

func (c *checker) https(t Text) {
	u, err := url.Parse(t.Value)
	if t.Pos.IsZero() || (err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil) {
		return
	}
	c.list.Add(t.Pos, "write https://host/path, without a user name", "%q is not an https URL", t.Value)
}

// variables checks a map of names to values that end up as arguments or environment: a line break or NUL in them
// would be read as something else further on.
func (c *checker) variables(m map[string]Text, form *regexp.Regexp, what string) {
	for _, k := range sortedKeys(m) {
		v := m[k]
		switch {
		case v.Pos.IsZero():
		case !form.MatchString(k):
			c.list.Add(v.Pos, "", "%q is not the name of %s", k, what)
		case strings.ContainsAny(v.Value, "\n\r\x00"):
			c.list.Add(v.Pos, "", "the value of %s has a line break", k)
		}
	}
}

// inTree reports paths and globs that are absolute or leave the tree they are meant in.
func (c *checker) inTree(ts []Text) {
	for _, t := range ts {
		_, err := path.Match(t.Value, "")
		switch {
		case t.Pos.IsZero():
		case t.Value == "" || strings.HasPrefix(t.Value, "/") || slices.Contains(strings.Split(t.Value, "/"), ".."):
			c.list.Add(t.Pos, "write it relative to the tree's root", "path %q is not inside the tree", t.Value)
		case strings.HasPrefix(t.Value, ":") || err != nil || strings.ContainsAny(t.Value, "\n\x00"):
			c.list.Add(t.Pos, "write a path with *, ? or [a-z]", "%q is not a glob", t.Value)
		}
	}
}

func (r *Recipe) check(c *checker) {
	c.name(r.Name, "recipe")
	c.channel(r.Name)
	c.form(r.Description, lineForm, "one line of text")
	c.https(r.Source)
	c.name(r.Track, "track")
	c.name(r.Container, "container")
	c.name(r.Backend, "backend")
	c.form(r.Target, targetForm, "a GPU target such as gfx1151")
	c.each(r.Patches, nameForm, "a patch set's name; "+nameWords)
	c.variables(r.CMake, cmakeForm, "a CMake variable")
	c.inTree(r.Exclude)
	c.name(r.Gate, "gate policy")
	c.form(r.Image.Repository, repositoryForm, "a repository; write it in lower case, without registry and tag")
	c.some(r.Image.Tags, r.Places, "image.tags")
	c.each(r.Image.Tags, tagForm, "a tag")
	for _, t := range r.Image.Tags {
		c.channel(t)
	}
	r.checkKept(c)
}

func (r *Recipe) checkKept(c *checker) {
	if slices.ContainsFunc(r.KeepGPUs, func(t Text) bool { return t.Pos.IsZero() }) {
		return // a member could not be read: what it was meant to be is unknown
	}
	all := hasText(r.KeepGPUs, keepAll)
	if all && len(r.KeepGPUs) > 1 {
		c.list.Add(r.KeepGPUs[0].Pos, "", "keep-gpus has %q and targets; it is one or the other", keepAll)
	}
	if all {
		return
	}
	c.each(r.KeepGPUs, targetForm, `a GPU target such as gfx1151, nor "all"`)
	if len(r.KeepGPUs) == 0 || r.Target.Value == "" {
		return
	}
	if !hasText(r.KeepGPUs, r.Target.Value) {
		c.list.Add(r.KeepGPUs[0].Pos, "add it, or write [all]",
			"keep-gpus leaves out the recipe's own target %s: its GPU would find no kernels", r.Target.Value)
	}
}

func (con *Container) check(c *checker) {
	c.name(con.Name, "container")
	c.form(con.Description, lineForm, "one line of text")
	c.some(con.Backends, con.Places, "backends")
	c.each(con.Backends, nameForm, "a backend's name")
	if _, ok := con.Places["base"]; ok && con.Base.Image.Pos.IsZero() && con.Base.Bootstrap == nil {
		c.list.Add(con.Places["base"], "", "base has neither image nor bootstrap")
	}
	c.form(con.Base.Image, regexp.MustCompile(`^[^\s@]+$`), "an image reference without a digest; the lock pins that")
	con.checkPackages(c)
	c.variables(con.Env, variableForm, "an environment variable")
	c.variables(con.CMake, cmakeForm, "a CMake variable")
	c.each(con.Provides, nameForm, "the name of a part")
	con.checkParts(c)
	con.checkVersions(c)
	c.inTree(con.GPULibs)
	for _, s := range con.Stubs {
		c.inTree([]Text{s.Library})
		c.form(s.Library, stubForm, "one shared library: no pattern")
		c.form(s.Why, lineForm, "one line of text")
	}
	for _, d := range con.RunOptions.Devices {
		if !d.Pos.IsZero() && !strings.HasPrefix(d.Value, "/dev/") {
			c.list.Add(d.Pos, "", "%q is not a device node", d.Value)
		}
	}
}

func (con *Container) checkPackages(c *checker) {
	p := con.Packages
	for _, ts := range [][]Text{p.Build, p.Runtime, p.Toolbox, p.UI} {
		// A name that begins with a dash would be an option of the package manager.
		c.each(ts, packageForm, "a package's name")
	}
	c.each(p.Suites, programForm, "a suite's name")
	c.form(p.Release, programForm, "a suite's name")
	for _, r := range p.Repos {
		c.form(r.Name, programForm, "a repository id")
		c.https(r.URL)
		c.https(r.GPGKey)
	}
	switch p.Manager.Value {
	case "apt":
		if len(p.Repos) > 0 {
			c.list.Add(con.Places["packages.repos"], "", "repos is for dnf; apt takes suites")
		}
	case "dnf":
		for _, t := range append(slices.Clone(p.Suites), p.Release) {
			if !t.Pos.IsZero() {
				c.list.Add(t.Pos, "", "suites and release are for apt; dnf takes repos")
			}
		}
		if b := con.Base.Bootstrap; b != nil && !b.Suite.Pos.IsZero() {
			c.list.Add(b.Suite.Pos, "", "bootstrap is debootstrap, which makes no base for dnf")
		}
	}
	if b := con.Base.Bootstrap; b != nil {
		c.form(b.Suite, programForm, "a suite's name")
		c.each(b.Include, packageForm, "a package's name")
	}
}

// checkVersions refuses what no constraint could be compared with.
func (con *Container) checkVersions(c *checker) {
	c.variables(con.Versions, nameForm, "something that a container brings")
	var every version.Constraint
	if err := every.UnmarshalText([]byte(">=0")); err != nil {
		panic(err) // a constant
	}
	for _, name := range sortedKeys(con.Versions) {
		v := con.Versions[name]
		if _, err := every.Allows(v.Value); err != nil && !v.Pos.IsZero() {
			c.list.Add(v.Pos, "write it as 7.2.4", "%q is not a version: %v", v.Value, err)
		}
	}
}

func (l *Lock) check(c *checker, track string) {
	if p, ok := l.Places["version"]; ok && l.Version < 1 {
		c.list.Add(p, "", "lock format %d does not exist; this program writes %d", l.Version, LockVersion)
	}
	c.fileName(l.Track, track)
	c.https(l.LlamaCpp.URL)
	c.form(l.LlamaCpp.Commit, commitForm, "a full commit id")
	if t := l.LlamaCpp.Time; !t.Pos.IsZero() {
		if at, err := time.Parse(time.RFC3339, t.Value); err != nil || !strings.HasSuffix(t.Value, "Z") || at.Unix() < 0 {
			c.list.Add(t.Pos, "write it as 2026-01-31T12:00:00Z", "%q is not a time in UTC", t.Value)
		}
	}
	for _, name := range sortedKeys(l.Patches) {
		p := l.Patches[name]
		c.form(p.SHA256, sha256Form, "a SHA-256 digest (64 lower-case hex digits)")
		c.form(p.Base, commitForm, "a full commit id")
		c.form(p.Head, commitForm, "a full commit id")
		if p.Pull != 0 && (p.Base.Pos.IsZero() || p.Head.Pos.IsZero()) {
			c.list.Add(p.Pos, "", "patch set %q: a pull request is pinned by base and head", name)
		}
	}
	for _, name := range sortedKeys(l.Containers) {
		b := l.Containers[name]
		c.form(b.Image, digestForm, "an image reference with its digest")
		if !b.Pos.IsZero() && b.Image.Pos.IsZero() == b.Bootstrap.Pos.IsZero() {
			c.list.Add(b.Pos, "", "container %q is pinned by one of image and bootstrap", name)
		}
	}
}
