package graph

import (
	"encoding/json"
	"maps"
	"path"
	"slices"

	"github.com/moby/buildkit/client/llb"
)

const (
	helperDir = "/strix"
	// CutReport is the proof of the library cut inside the image.
	CutReport = "/usr/share/strix-build/gpu-libraries.json"
	// BuildRecord says inside the image what it was built from.
	BuildRecord = "/usr/share/strix-build/build.json"
	// VerifyLog holds what the image's programs said when they were started.
	VerifyLog = "/verify.log"
)

// cutAll is the keep-gpus value that leaves the libraries as they are.
const cutAll = "all"

func (b *builder) keepGPUs() []string {
	keep := values(b.in.Recipe.KeepGPUs)
	if len(b.in.Container.GPULibs) == 0 || slices.Contains(keep, cutAll) {
		return nil
	}
	return keep
}

// runtime is the root file system without llama.cpp: the base and one layer of packages.
func (b *builder) runtime() llb.State {
	base := b.base()
	pk := b.in.Container.Packages
	full := b.install(base, "runtime", slices.Concat(values(pk.Runtime), values(pk.Toolbox)))
	keep := b.keepGPUs()
	if keep == nil {
		return full
	}
	// The cut must happen in the layer that installs, or the layer below still holds every GPU's kernels:
	// take what the install changed, cut it, and put the result on the base as one layer.
	args := []string{helperDir + "/strix-build", "cut", "--root", "/rootfs", "--report", "/rootfs" + CutReport}
	for _, k := range keep {
		args = append(args, "--keep", k)
	}
	args = append(args, values(b.in.Container.GPULibs)...)
	at := b.loc.at(first(b.in.Recipe.KeepGPUs))
	cut := base.Run(llb.Args(args), env(map[string]string{"PATH": defaultPath}), offline(),
		llb.AddMount(helperDir, b.helper(), llb.Readonly),
		llb.AddMount("/rootfs", llb.Diff(base, full, llb.WithCustomName("runtime: what the packages changed"))),
		llb.WithCustomNamef("runtime: cut GPU libraries to %v", keep), at).GetMount("/rootfs")
	return base.File(llb.Copy(cut, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true}),
		llb.WithCustomName("runtime: packages as one layer"))
}

// image puts llama.cpp on the runtime.
func (b *builder) image(runtime, compiled llb.State) llb.State {
	mkdir := func(p string) *llb.FileAction { return llb.Mkdir(p, 0o755, llb.WithParents(true)) }
	act := mkdir(path.Dir(BuildRecord)).
		Mkdir("/usr/local/bin", 0o755, llb.WithParents(true)).
		Mkdir("/usr/local/lib", 0o755, llb.WithParents(true)).
		Copy(compiled, "/bin/*.so*", "/usr/local/lib/", &llb.CopyInfo{AllowWildcard: true, AllowEmptyWildcard: true})
	for _, p := range b.in.Choices.Programs {
		act = act.Copy(compiled, "/bin/"+p, "/usr/local/bin/"+p)
	}
	for _, l := range slices.Sorted(maps.Keys(b.in.Choices.Links)) {
		act = act.Symlink(b.in.Choices.Links[l], "/usr/local/bin/"+l)
	}
	act = act.Mkfile(BuildRecord, 0o644, b.record())
	return runtime.File(act, llb.WithCustomNamef("image: %s", b.in.Recipe.Name.Value), b.loc.at(b.in.Recipe.Image.Repository.Pos))
}

// verify starts the image's programs inside it, with no network and no GPU.
func (b *builder) verify(image llb.State) llb.State {
	args := append([]string{"/bin/sh", scriptPath("verify.sh"), "/out" + VerifyLog}, b.in.Choices.Programs...)
	run := image.Run(llb.Args(args), b.imageEnv(), offline(), script("verify.sh"),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomNamef("verify: the programs of %s start", b.in.Recipe.Name.Value), b.loc.at(b.in.Recipe.Pos))
	return run.GetMount("/out")
}

// record is what the image itself says about how it was made.
func (b *builder) record() []byte {
	vars := map[string]string{}
	for k, v := range Variables(b.in) {
		vars[k] = v.Value
	}
	dt, err := json.MarshalIndent(struct {
		Recipe    string            `json:"recipe"`
		Container string            `json:"container"`
		Commit    string            `json:"commit"`
		Build     int               `json:"build"`
		Dirty     bool              `json:"dirty,omitempty"`
		Patches   []patchRecord     `json:"patches"`
		CMake     map[string]string `json:"cmake"`
		KeepGPUs  []string          `json:"keep-gpus,omitempty"`
	}{b.in.Recipe.Name.Value, b.in.Container.Name.Value, b.in.Source.Commit, int(b.in.Source.Build), b.in.Source.Dirty,
		b.patchRecords(), vars, b.keepGPUs()}, "", "  ")
	if err != nil {
		panic(err) // plain strings and numbers
	}
	return append(dt, '\n')
}

func (b *builder) imageEnv() llb.RunOption {
	vars := map[string]string{"PATH": defaultPath, "LC_ALL": "C.UTF-8", "HOME": "/root"}
	for k, v := range b.in.Choices.Env {
		vars[k] = v.Value
	}
	return env(vars)
}
