package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/moby/buildkit/client/llb"

	"strix-build/internal/codeobject"
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

// packageTime is the time of every file of the package layer. It is not the commit's, so that the layer stays the same
// from base to base and a reader fetches it once; it is our bases' (internal/rootfs).
var packageTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// runtime is the root file system without llama.cpp: the base and one layer of packages. The layer is what the install
// changed, copied with a fixed time: equal packages give equal bytes, with nothing to rewrite when an image is exported.
func (b *builder) runtime(toolchain llb.State) llb.State {
	base := b.base()
	pk := b.in.Container.Packages
	full := b.install(base, "runtime", slices.Concat(values(pk.Runtime), values(pk.Toolbox)))
	added := b.stubs(toolchain, llb.Diff(base, full, llb.WithCustomName("runtime: what the packages changed")))
	added = b.cut(base, added)
	return base.File(llb.Copy(added, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true, CreatedTime: &packageTime}),
		llb.WithCustomName(packagesLayer))
}

// cut takes other GPUs' kernels out of a tree of packages. It must happen before they become a layer, or the layer
// below still holds them all.
func (b *builder) cut(base, tree llb.State) llb.State {
	keep := b.keepGPUs()
	if keep == nil {
		return tree
	}
	args := []string{helperDir + "/strix-build", "cut", "--root", "/rootfs", "--report", "/rootfs" + CutReport}
	for _, k := range keep {
		args = append(args, "--keep", k)
	}
	args = append(args, values(b.in.Container.GPULibs)...)
	vars := env(map[string]string{"PATH": defaultPath, "STRIX_CUT_FORMAT": fmt.Sprint(codeobject.Format)})
	return base.Run(llb.Args(args), vars, offline(),
		llb.AddMount(helperDir, b.helper(), llb.Readonly), llb.AddMount("/rootfs", tree),
		llb.WithCustomNamef("runtime: cut GPU libraries to %v", keep), b.loc.at(first(b.in.Recipe.KeepGPUs))).GetMount("/rootfs")
}

// image puts llama.cpp on the runtime as one layer, its files and folders at the commit's time.
func (b *builder) image(runtime, compiled llb.State) llb.State {
	created := llb.WithCreatedTime(b.in.Source.Time.UTC())
	at := b.in.Source.Time.UTC()
	act := llb.Mkdir(path.Dir(BuildRecord), 0o755, llb.WithParents(true), created).
		Mkdir("/usr/local/bin", 0o755, llb.WithParents(true), created).
		Mkdir("/usr/local/lib", 0o755, llb.WithParents(true), created).
		Copy(compiled, "/bin/*.so*", "/usr/local/lib/", &llb.CopyInfo{AllowWildcard: true, AllowEmptyWildcard: true, CreatedTime: &at})
	for _, p := range b.in.Choices.Programs {
		act = act.Copy(compiled, "/bin/"+p, "/usr/local/bin/"+p, &llb.CopyInfo{CreatedTime: &at})
	}
	for _, l := range slices.Sorted(maps.Keys(b.in.Choices.Links)) {
		act = act.Symlink(b.in.Choices.Links[l], "/usr/local/bin/"+l, created)
	}
	act = act.Mkfile(BuildRecord, 0o644, b.record(), created)
	// a folder's time is set when it is made and lost when it is filled; the copy sets all
	files := llb.Scratch().File(act, llb.WithCustomNamef("image: files of %s", b.in.Recipe.Name))
	return runtime.File(llb.Copy(files, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true, CreatedTime: &at}),
		llb.WithCustomName(imageLayer(b.in.Recipe.Name.Value)), b.loc.at(b.in.Recipe.Image.Repository.Pos))
}

// verify starts the image's programs inside it, with no network and no GPU.
func (b *builder) verify(image llb.State) llb.State {
	args := append([]string{"/bin/sh", scriptPath("verify.sh"), "/out" + VerifyLog}, b.in.Choices.Programs...)
	run := image.Run(llb.Args(args), b.imageEnv(), offline(), script("verify.sh"),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomNamef("verify: the programs of %s start", b.in.Recipe.Name.Value), b.loc.at(b.in.Recipe.Pos))
	return run.GetMount("/out")
}

// Record is what an image says itself about how it was made: the content of BuildRecord.
type Record struct {
	Recipe    string            `json:"recipe"`
	Container string            `json:"container"`
	Commit    string            `json:"commit"`
	Build     int               `json:"build"`
	Dirty     bool              `json:"dirty,omitempty"`
	Patches   []PatchRecord     `json:"patches"`
	CMake     map[string]string `json:"cmake"`
	KeepGPUs  []string          `json:"keep-gpus,omitempty"`
}

// ReadRecord reads a record. What a later version adds is passed over.
func ReadRecord(data []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", BuildRecord, err)
	}
	return &r, nil
}

func (b *builder) record() []byte {
	vars := map[string]string{}
	for k, v := range Variables(b.in) {
		vars[k] = v.Value
	}
	dt, err := json.MarshalIndent(Record{b.in.Recipe.Name.Value, b.in.Container.Name.Value, b.in.Source.Commit, int(b.in.Source.Build),
		b.in.Source.Dirty, b.patchRecords(), vars, b.keepGPUs()}, "", "  ")
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
