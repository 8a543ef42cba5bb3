package graph

import (
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/client/llb"

	"strix-build/internal/recipe"
)

const (
	buildDir = "/build"
	// Files of the build tree, relative to it: CMake's own output, read for its list of unused variables; where a
	// requested compiler flag must be found; ccache's log of this build's hits and misses.
	ConfigureLog    = "/strix-configure.log"
	CompileCommands = "/compile_commands.json"
	CcacheLog       = "/strix-ccache.log"

	shaderCompiler = "glslc.sh"
)

// Variables returns the CMake variables of in and who asked for each; those of the program itself have no position.
func Variables(in Input) map[string]recipe.Choice {
	own := map[string]string{
		"LLAMA_BUILD_NUMBER":             fmt.Sprint(int(in.Source.Build)),
		"LLAMA_BUILD_COMMIT":             fmt.Sprintf("%.9s", in.Source.Commit),
		"CMAKE_EXPORT_COMPILE_COMMANDS":  "ON",
		"CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
		"CMAKE_INSTALL_RPATH":            "$ORIGIN/../lib",
		"CMAKE_C_COMPILER_LAUNCHER":      "ccache",
		"CMAKE_CXX_COMPILER_LAUNCHER":    "ccache",
	}
	if in.Choices.ArchFlag != "" {
		own["CMAKE_HIP_COMPILER_LAUNCHER"] = "ccache"
	}
	if v := in.Choices.Shaders; v != "" { // CMake has no launcher for them
		own[v] = scriptPath(shaderCompiler)
	}
	vars := map[string]recipe.Choice{}
	for k, v := range own {
		vars[k] = recipe.Choice{Value: v}
	}
	maps.Copy(vars, in.Choices.CMake)
	return vars
}

func (b *builder) compilerEnv() llb.RunOption {
	vars := map[string]string{
		"PATH": defaultPath, "HOME": "/root", "LC_ALL": "C.UTF-8",
		"CCACHE_DIR": "/ccache", "CCACHE_STATSLOG": buildDir + CcacheLog, "CCACHE_BASEDIR": "/", "CCACHE_MAXSIZE": "20G",
		// the tree's files carry the commit's time; nothing here changes while it compiles
		"CCACHE_SLOPPINESS": "include_file_mtime,include_file_ctime,time_macros",
		// a miss asks the compiler itself what it read (Ninja has it write that down anyway) and runs no preprocessor first:
		// clang's takes two passes over a HIP file
		"CCACHE_DEPEND": "1",
	}
	for k, v := range b.in.Container.Env {
		vars[k] = v.Value
	}
	return env(vars)
}

func (b *builder) configure(toolchain, src llb.State) llb.State {
	vars := Variables(b.in)
	args := []string{"/bin/sh", scriptPath("configure.sh"), buildDir + ConfigureLog, "cmake", "-S", srcDir, "-B", buildDir, "-G", "Ninja"}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "-D"+k+"="+vars[k].Value)
	}
	run := toolchain.Run(llb.Args(args), b.compilerEnv(), offline(), b.tools("configure.sh"), b.parts(),
		llb.AddMount(srcDir, src, llb.ForceNoOutput), llb.AddMount(buildDir, llb.Scratch()),
		llb.WithCustomName("configure: cmake"), b.loc.at(b.in.Recipe.Pos))
	return run.GetMount(buildDir)
}

// tools are the scripts of a step that works on the build tree, with the one that compiles shaders.
func (b *builder) tools(names ...string) llb.RunOption {
	if b.in.Choices.Shaders == "" {
		return script(names...)
	}
	return runOptions(script(append([]string{shaderCompiler}, names...)...), env(map[string]string{"STRIX_GLSLC_SUM": buildDir + "/strix-glslc.sum"}))
}

// compile builds the libraries, then the programs: only these need the server's page, which npm builds meanwhile.
func (b *builder) compile(toolchain, src, configured llb.State) llb.State {
	tree := llb.AddMount(srcDir, src, llb.ForceNoOutput)
	if len(b.in.Choices.Libraries) > 0 {
		configured = b.build(toolchain, configured, b.in.Choices.Libraries, "libraries", tree)
	}
	if _, page, ok := b.serverUI(src); ok {
		// what the build writes beside the page (its gzip copies) is dropped
		tree = runOptions(tree, llb.AddMount(srcDir+"/tools/ui/dist", page, llb.SourcePath(pageDir), llb.ForceNoOutput))
	}
	return b.build(toolchain, configured, b.in.Choices.Programs, "programs", tree)
}

func (b *builder) build(toolchain, on llb.State, targets []string, what string, tree llb.RunOption) llb.State {
	run := toolchain.Run(llb.Args(append([]string{"cmake", "--build", buildDir, "--target"}, targets...)), b.compilerEnv(), offline(),
		tree, b.parts(), b.tools(), llb.AddMount(buildDir, on),
		ccacheMount(),
		llb.WithCustomNamef("compile: %s of %s", what, b.in.Recipe.Name), b.loc.at(b.in.Recipe.Pos))
	return run.GetMount(buildDir)
}
