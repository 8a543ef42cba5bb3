package graph

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"strix-build/internal/diag"
	"strix-build/internal/recipe"
	"strix-build/internal/strictyaml"
)

const (
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	scriptDir   = "/strix-scripts"
	// SecretApt and SecretCA carry the host's own package client settings and certificate bundle into fetch steps.
	// Secrets are not part of a cache key: where a package comes from does not change what is built.
	SecretApt = "apt.conf"
	SecretCA  = "ca.pem"
)

//go:embed scripts
var scripts embed.FS

func (b *builder) base() llb.State { return b.once("base", b.newBase) }

func (b *builder) newBase() llb.State {
	name := llb.WithCustomNamef("base: %s", b.in.Container.Name.Value)
	at := b.loc.at(b.in.Container.Base.Image.Pos)
	if o := b.in.Base; o.Layout != "" {
		return layout("base", o.Layout, name, at)
	}
	return llb.Image(b.in.Base.Image, name, at)
}

func (b *builder) helper() llb.State {
	if o := b.in.Helper; o.Layout != "" {
		return layout("helper", o.Layout, llb.WithCustomName("helper: strix-build"))
	}
	return llb.Scratch()
}

func layout(name, digest string, opts ...llb.ConstraintsOpt) llb.State {
	o := []llb.OCILayoutOption{llb.OCIStore("", StoreID)}
	for _, c := range opts {
		o = append(o, c)
	}
	return llb.OCILayout(layoutName(name, digest), o...)
}

func layoutName(name, digest string) string { return "strix-build/" + name + "@" + digest }

func (b *builder) toolchain() llb.State {
	return b.install(b.base(), "toolchain", values(b.in.Container.Packages.Build))
}

// install runs the package manager's script; its download cache outlives the step.
func (b *builder) install(on llb.State, what string, packages []string) llb.State {
	return b.installFrom(b.in.Container.Packages, on, what, packages)
}

func (b *builder) installFrom(pk recipe.Packages, on llb.State, what string, packages []string) llb.State {
	vars := map[string]string{
		"PATH": defaultPath, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
		"STRIX_SUITES": strings.Join(values(pk.Suites), " "), "STRIX_RELEASE": pk.Release.Value, "STRIX_REPOS": repos(pk.Repos),
	}
	name := pk.Manager.Value + ".sh"
	args := append([]string{"/bin/sh", scriptPath(name)}, packages...)
	opts := []llb.RunOption{llb.Args(args), env(vars), online(), script(name),
		llb.WithCustomNamef("%s: %s install, %d packages", what, pk.Manager, len(packages)), b.loc.at(pk.Manager.Pos)}
	if pk.Manager.Value == "apt" {
		cache := "strix-build-apt-" + b.in.Container.Base.Image.Value
		opts = append(opts,
			llb.AddMount("/var/cache/apt", llb.Scratch(), llb.AsPersistentCacheDir(cache, llb.CacheMountShared)),
			llb.AddSecret("/etc/apt/apt.conf.d/99strix-build", llb.SecretID(SecretApt), llb.SecretOptional))
	} else {
		opts = append(opts,
			llb.AddMount("/var/cache/libdnf5", llb.Scratch(), llb.AsPersistentCacheDir("strix-build-dnf", llb.CacheMountLocked)))
	}
	return on.Run(opts...).Root()
}

// pageDir is below its mount: the page's build removes and makes it anew.
const pageDir = "/dist"

// serverUI is the page of llama-server: what npm fetches by the tree's own lock file, and the page it builds from that.
// Ok is false where the recipe wants none.
func (b *builder) serverUI(src llb.State) (fetched, page llb.State, ok bool) {
	if !slices.Contains(b.in.Choices.Steps, "server-ui") {
		return fetched, page, false
	}
	tools := b.pageTools()
	vars := env(map[string]string{
		"PATH": defaultPath, "HOME": "/root", "NODE_EXTRA_CA_CERTS": "/run/secrets/" + SecretCA,
		"LLAMA_UI_OUT_DIR": "/out" + pageDir, "LLAMA_UI_VERSION": b.in.Source.Build.String(),
		"LLAMA_BUILD_NUMBER": fmt.Sprint(int(b.in.Source.Build)), // what the page says it is; CMake would pass it
	})
	at := b.loc.at(b.in.Recipe.Features["server-ui"].Pos)
	part := llb.Scratch().File(llb.Copy(b.pageTree(src), "/tools/ui", "/", &llb.CopyInfo{CopyDirContentsOnly: true}),
		llb.WithCustomName("server-ui: the page's part of the source"))
	fetch := tools.Run(llb.Args([]string{"npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"}), llb.Dir("/ui"), vars, online(),
		llb.AddMount("/ui", part),
		llb.AddMount("/root/.npm", llb.Scratch(), llb.AsPersistentCacheDir("strix-build-npm", llb.CacheMountShared)),
		llb.AddSecret("/run/secrets/"+SecretCA, llb.SecretID(SecretCA), llb.SecretOptional),
		llb.WithCustomName("server-ui: npm ci"), at)
	build := tools.Run(llb.Args([]string{"npm", "run", "build"}), llb.Dir("/ui"), vars, offline(),
		llb.AddMount("/ui", fetch.GetMount("/ui"), llb.ForceNoOutput),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomName("server-ui: npm run build"), at)
	return fetch.GetMount("/ui"), build.GetMount("/out"), true
}

// pageTools has npm from the base's own suite, without the container's further ones: so the page is built once for every
// container on that base.
func (b *builder) pageTools() llb.State {
	plain := b.in.Container.Packages
	plain.Suites, plain.Release, plain.Repos = nil, strictyaml.Text{}, nil
	return b.installFrom(plain, b.base(), "server-ui", values(plain.UI))
}

// pageTree is the tree without patches, so that siblings share the page, unless a patch changes the page itself.
func (b *builder) pageTree(src llb.State) llb.State {
	for _, f := range b.toApply() {
		if bytes.Contains(f.Data, []byte("\n+++ b/tools/ui/")) || bytes.Contains(f.Data, []byte("\n--- a/tools/ui/")) {
			return src
		}
	}
	return b.tree()
}

func scriptPath(name string) string { return scriptDir + "/" + name }

// script mounts our scripts, if any; they are called with an argument vector, never put together as text.
func script(names ...string) llb.RunOption {
	if len(names) == 0 {
		return runOptions()
	}
	folder := llb.Scratch()
	for _, name := range names {
		data, err := scripts.ReadFile("scripts/" + name)
		if err != nil {
			panic(err) // embedded
		}
		folder = folder.File(llb.Mkfile("/"+name, 0o755, data), llb.WithCustomName("script: "+name))
	}
	return llb.AddMount(scriptDir, folder, llb.Readonly)
}

func offline() llb.RunOption { return llb.Network(pb.NetMode_NONE) }
func online() llb.RunOption  { return llb.Network(pb.NetMode_HOST) }

func env(vars map[string]string) llb.RunOption {
	var opts []llb.RunOption
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if vars[k] != "" {
			opts = append(opts, llb.AddEnv(k, vars[k]))
		}
	}
	return runOptions(opts...)
}

type optionList []llb.RunOption

func (l optionList) SetRunOption(ei *llb.ExecInfo) {
	for _, o := range l {
		o.SetRunOption(ei)
	}
}

func runOptions(opts ...llb.RunOption) llb.RunOption { return optionList(opts) }

func values(texts []strictyaml.Text) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = t.Value
	}
	return out
}

func first(texts []strictyaml.Text) diag.Pos {
	if len(texts) == 0 {
		return diag.Pos{}
	}
	return texts[0].Pos
}

// repos writes dnf repositories one a line: name, URL, key.
func repos(list []recipe.Repo) string {
	var lines []string
	for _, r := range list {
		lines = append(lines, r.Name.Value+" "+r.URL.Value+" "+r.GPGKey.Value)
	}
	return strings.Join(lines, "\n")
}
