package graph

import (
	"path"

	"github.com/moby/buildkit/client/llb"

	"strix-build/internal/patch"
)

const (
	srcDir   = "/src"
	patchDir = "/patches"
	// UpstreamState is the file of Step.Upstream; it holds [StateUpstream] or "absent".
	UpstreamState = "/state"
	// The index lives outside the tree: CMake would read a .git in it and write a made-up commit into the binaries,
	// which would also make every object differ between siblings.
	gitDir = "/git"
)

func (b *builder) tree() llb.State { return b.once("tree", b.newTree) }

// newTree is the exported tree; what the recipe excludes is not in it.
func (b *builder) newTree() llb.State {
	s := b.in.Source
	return layout("source", s.Layout, llb.WithCustomNamef("source: llama.cpp %s at %.12s", s.Build, s.Commit), b.loc.at(b.in.Recipe.Pos))
}

// source applies the patches one exec each and returns the steps and the tree after the last.
func (b *builder) source(toolchain llb.State) ([]Step, llb.State) {
	tree := b.tree()
	todo := b.toApply()
	if len(todo) == 0 {
		return nil, tree
	}
	tree, index := b.index(toolchain, tree)
	var steps []Step
	for _, f := range todo {
		step := Step{Patch: f, Upstream: b.inTree(toolchain, tree, index, f)}
		run := b.gitApply(toolchain, tree, index, f)
		tree, index = run.GetMount(srcDir), run.GetMount(gitDir)
		step.State = tree
		steps = append(steps, step)
	}
	return steps, tree
}

func (b *builder) toApply() []patch.File {
	var out []patch.File
	for _, f := range b.in.Patches {
		if !b.in.Applied[f.Name] {
			out = append(out, f)
		}
	}
	return out
}

// index makes the git index that `git apply --index` checks a patch against.
func (b *builder) index(toolchain, tree llb.State) (llb.State, llb.State) {
	run := func(tree, git llb.State, name string, args ...string) llb.ExecState {
		return toolchain.Run(llb.Args(append([]string{"git"}, args...)), llb.Dir(srcDir), b.gitEnv(), offline(),
			llb.AddMount(srcDir, tree), llb.AddMount(gitDir, git), llb.WithCustomName("source: "+name))
	}
	init := run(tree, llb.Scratch(), "git init", "init", "--quiet")
	add := run(init.GetMount(srcDir), init.GetMount(gitDir), "git add", "add", "--all", "--force")
	return add.GetMount(srcDir), add.GetMount(gitDir)
}

func (b *builder) gitEnv() llb.RunOption {
	return env(map[string]string{
		"PATH": defaultPath, "HOME": "/root", "GIT_DIR": gitDir, "GIT_WORK_TREE": srcDir,
		// a copied-up file has another inode and ctime; size and mtime still tell
		"GIT_CONFIG_COUNT": "3",
		"GIT_CONFIG_KEY_0": "core.checkStat", "GIT_CONFIG_VALUE_0": "minimal",
		"GIT_CONFIG_KEY_1": "core.trustctime", "GIT_CONFIG_VALUE_1": "false",
		"GIT_CONFIG_KEY_2": "safe.directory", "GIT_CONFIG_VALUE_2": "*",
	})
}

// gitApply is the exec of one patch.
func (b *builder) gitApply(toolchain, tree, index llb.State, f patch.File) llb.ExecState {
	file := path.Join(patchDir, f.Name)
	return toolchain.Run(llb.Args([]string{"git", "apply", "--index", "--verbose", file}), llb.Dir(srcDir), b.gitEnv(), offline(),
		llb.AddMount(srcDir, tree), llb.AddMount(gitDir, index), b.patchMount(f),
		llb.WithCustomName("patch: git apply "+f.Name), b.loc.at(f.Pos))
}

// inTree asks whether the tree holds the patch's change already; the answer is the file [UpstreamState].
func (b *builder) inTree(toolchain, tree, index llb.State, f patch.File) llb.State {
	args := []string{"/bin/sh", scriptPath("upstream.sh"), path.Join(patchDir, f.Name), "/out" + UpstreamState}
	run := toolchain.Run(llb.Args(args), llb.Dir(srcDir), b.gitEnv(), offline(), script("upstream.sh"), b.patchMount(f),
		llb.AddMount(srcDir, tree, llb.ForceNoOutput), llb.AddMount(gitDir, index, llb.ForceNoOutput),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomName("patch: is it upstream already? "+f.Name), b.loc.at(f.Pos))
	return run.GetMount("/out")
}

func (b *builder) patchMount(f patch.File) llb.RunOption {
	file := path.Join(patchDir, f.Name)
	data := llb.Scratch().
		File(llb.Mkdir(path.Dir(file), 0o755, llb.WithParents(true)).Mkfile(file, 0o644, f.Data),
			llb.WithCustomNamef("patch: %s", f.Name), b.loc.at(f.Pos))
	return llb.AddMount(patchDir, data, llb.SourcePath(patchDir), llb.Readonly)
}
