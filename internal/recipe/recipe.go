// Package recipe holds the documents a build is made from (recipe, container, flags, tracks, advisories, lock) and loads
// and checks them.
//
// It does not touch the network, and it does not know how a build is carried out.
package recipe

import (
	"strix-build/internal/diag"
	"strix-build/internal/strictyaml"
	"strix-build/internal/version"
)

// Text, Bool and the others carry the place they were read from, so that every later message can point at it.
type (
	Text = strictyaml.Text
	Bool = strictyaml.Bool
)

// Recipe is one sibling: recipes/<name>.yaml.
type Recipe struct {
	Name        Text            `yaml:"name,required" doc:"the recipe's name; the same as the file's"`
	Description Text            `yaml:"description,required" doc:"one line for lists and image annotations"`
	Source      Text            `yaml:"source" doc:"upstream repository (https); default: the lock's"`
	LlamaCpp    version.Window  `yaml:"llama.cpp,required" doc:"window of upstream build numbers this recipe accepts"`
	Track       Text            `yaml:"track" doc:"the track whose lock file pins this recipe (default stable)"`
	Container   Text            `yaml:"container,required" doc:"a container definition in containers/"`
	Backend     Text            `yaml:"backend,required" doc:"a backend in recipes/flags.yaml"`
	Target      Text            `yaml:"target" doc:"GPU target, e.g. gfx1151; required where the backend compiles for one"`
	KeepGPUs    []Text          `yaml:"keep-gpus" doc:"GPU targets kept in the ROCm libraries; 'all' turns the cut off"`
	Patches     []Text          `yaml:"patches" doc:"patch sets in patches/, applied in this order"`
	Features    map[string]Bool `yaml:"features" doc:"build choices by meaning, declared in recipes/flags.yaml"`
	CMake       map[string]Text `yaml:"cmake" doc:"raw CMake variables, applied last; each is checked to have taken effect"`
	Exclude     []Text          `yaml:"exclude" doc:"paths of the source tree (git pathspec globs) left out of the build context"`
	Gate        Text            `yaml:"gate" doc:"gate policy"`
	Image       Image           `yaml:"image,required" doc:"the image's name"`

	Suffix string            `yaml:"-"` // of the image's name and tags, where the track is not the recipe's own
	Pos    diag.Pos          `yaml:"-"` // of the document
	Places strictyaml.Places `yaml:"-"` // of the keys, e.g. llama.cpp and features.uma
}

// Image names what a recipe produces.
type Image struct {
	Repository Text   `yaml:"repository,required" doc:"repository part of the image's name"`
	Tags       []Text `yaml:"tags,required" doc:"tags that --push gives the image"`
}

// Container is a root file system to build and run in: containers/<name>.yaml.
type Container struct {
	Name        Text            `yaml:"name,required" doc:"the container's name; the same as the file's"`
	Description Text            `yaml:"description,required" doc:"one line"`
	Backends    []Text          `yaml:"backends,required" doc:"backends this container can build"`
	Base        Base            `yaml:"base,required" doc:"where the root file system comes from"`
	Packages    Packages        `yaml:"packages,required" doc:"how packages are installed, and which"`
	Env         map[string]Text `yaml:"env" doc:"environment of the compile steps"`
	CMake       map[string]Text `yaml:"cmake" doc:"CMake variables this toolchain needs (compilers)"`
	Provides    []Text          `yaml:"provides" doc:"optional parts a feature may ask for that its packages bring, e.g. npm"`
	Parts       map[string]Part `yaml:"parts" doc:"optional parts that come from a repository instead, fetched only for a recipe that needs them"`
	Versions    map[string]Text `yaml:"versions" doc:"what it brings, e.g. rocm: 7.2.4, mesa: 25.2.6; advisories ask for them"`
	RunOptions  RunOptions      `yaml:"run-options" doc:"how a container engine must start the image; become labels"`
	Stubs       []Stub          `yaml:"stubs" doc:"libraries that only have to be there: each gives way to one that has its functions, all of which return an error"`
	GPULibs     []Text          `yaml:"gpu-libraries" doc:"globs of shared libraries and kernel folders that keep-gpus cuts"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Stub is a library in whose place one stands that has its functions and does nothing.
type Stub struct {
	Library Text `yaml:"library,required" doc:"the library's file or link, relative to the root"`
	Returns int  `yaml:"returns,required" doc:"what each function returns: the library's own code for what it cannot do"`
	Why     Text `yaml:"why,required" doc:"why nothing needs it, one line"`

	Pos    diag.Pos          `yaml:"-"`
	Places strictyaml.Places `yaml:"-"`
}

// Base is an image taken by digest where the lock has one, or a debootstrap of a suite.
type Base struct {
	Image     Text       `yaml:"image" doc:"image reference; the lock pins its digest"`
	Bootstrap *Bootstrap `yaml:"bootstrap" doc:"how to make the base where no container registry is in reach"`
}

// Bootstrap is a debootstrap call. The mirror is the host's default, never written here.
type Bootstrap struct {
	Suite   Text   `yaml:"suite,required" doc:"distribution suite, e.g. sid"`
	Include []Text `yaml:"include" doc:"extra packages in the base"`
}

// Packages lists what each step installs.
type Packages struct {
	Manager Text   `yaml:"manager,required" doc:"apt or dnf" enum:"apt,dnf"`
	Suites  []Text `yaml:"suites" doc:"apt: further suites of the base's own mirror to enable, e.g. experimental"`
	Release Text   `yaml:"release" doc:"apt: target release (-t) of every install"`
	Repos   []Repo `yaml:"repos" doc:"dnf: further repositories"`
	Build   []Text `yaml:"build,required" doc:"packages of the toolchain"`
	Runtime []Text `yaml:"runtime,required" doc:"packages of the finished image"`
	Toolbox []Text `yaml:"toolbox" doc:"packages that toolbox and distrobox expect in an image"`
	UI      []Text `yaml:"ui" doc:"packages of the step that builds the server's web page"`
}

// Repo is a dnf repository.
type Repo struct {
	Name   Text `yaml:"name,required" doc:"repository id"`
	URL    Text `yaml:"url,required" doc:"base URL"`
	GPGKey Text `yaml:"gpgkey,required" doc:"URL of the signing key"`
}

// RunOptions say how an engine starts the image.
type RunOptions struct {
	Devices  []Text `yaml:"devices" doc:"device nodes, e.g. /dev/kfd"`
	Groups   []Text `yaml:"groups" doc:"supplementary groups, e.g. video"`
	Security []Text `yaml:"security" doc:"security options, e.g. seccomp=unconfined"`
}

// Flags is recipes/flags.yaml: what a backend or a feature means, by build number.
type Flags struct {
	Backends map[string]Backend `yaml:"backends,required" doc:"backends by name"`
	Features map[string]Feature `yaml:"features,required" doc:"features by name"`
	Common   []Effect           `yaml:"common" doc:"effects on every build"`
	Draft    []DraftArgs        `yaml:"draft" doc:"how llama.cpp's programs are told to draft; the first window that holds the build number counts"`
	// Speculation are the kinds that need no second model.
	Speculation map[string][]DraftArgs `yaml:"speculation" doc:"how llama-server is told to draft without a second model, by the name that strix-build bench calls it: ngram, mtp; the first window that holds the build number counts"`

	Pos diag.Pos `yaml:"-"`
}

// Backend says which effects choosing it has and how a GPU target is passed.
type Backend struct {
	Doc     Text     `yaml:"doc,required" doc:"one line"`
	Effects []Effect `yaml:"effects,required" doc:"what choosing the backend does"`
	Targets []Text   `yaml:"targets" doc:"GPU targets it can compile for; none: a recipe gives no target"`
	Target  []Effect `yaml:"target-effects" doc:"how the target is passed; ${target} stands for it"`
	Arch    Text     `yaml:"arch-flag" doc:"compiler flag that must be in compile_commands.json, ${target} stands for the target"`
	Shaders Text     `yaml:"shader-compiler" doc:"CMake variable that names the compiler of shaders: they are compiled through the compiler cache; none: there are no shaders"`
}

// Feature is a build choice by meaning.
type Feature struct {
	Doc      Text     `yaml:"doc,required" doc:"one line"`
	Backends []Text   `yaml:"backends" doc:"backends it makes sense for; none: all"`
	On       []Effect `yaml:"on" doc:"what true does"`
	Off      []Effect `yaml:"off" doc:"what false does"`
}

// Effect is what one choice does in one window. The first effect whose window holds the build number counts.
type Effect struct {
	Window    version.Window  `yaml:"window" doc:"build numbers it holds for; none: all"`
	CMake     map[string]Text `yaml:"cmake" doc:"CMake variables"`
	Env       map[string]Text `yaml:"env" doc:"environment of the image"`
	Doubted   Bool            `yaml:"doubted" doc:"there are hosts where the environment does harm: a gate on a GPU serves its models without it too"`
	Needs     []Text          `yaml:"needs" doc:"parts the container must provide"`
	Refuse    Text            `yaml:"refuse" doc:"why the choice cannot be had in this window"`
	Note      Text            `yaml:"note" doc:"shown by plan"`
	Libraries []Text          `yaml:"libraries" doc:"CMake targets compiled first, beside the web page's build"`
	Programs  []Text          `yaml:"programs" doc:"programs it adds to the image, by CMake target"`
	Flags     []Text          `yaml:"flags" doc:"compiler flags that must be found in compile_commands.json"`
	Links     map[string]Text `yaml:"links" doc:"further names in the image: link to program"`
	Step      Text            `yaml:"step" doc:"an extra build step" enum:"server-ui"`
	Origin    Text            `yaml:"origin" doc:"where this fact comes from"`

	Pos diag.Pos `yaml:"-"`
}
