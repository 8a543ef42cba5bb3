package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/moby/buildkit/client/llb"
)

// TestProgram is llama.cpp's own test of single operations; it is in companion images, and never in those that are run.
const TestProgram = "test-backend-ops"

// LabelTests is the digest of the image that a companion tests. Who makes the companion knows it.
const LabelTests = labelPrefix + "tests"

// testVariable makes the test programs targets of the build folder.
const testVariable = "LLAMA_BUILD_TESTS"

// Companion are the steps of an image's companion: the image, and one layer on it with [TestProgram]. The image's own steps are the
// same with and without it.
type Companion struct {
	Tree   llb.State // the image's build tree, with the program
	Layer  llb.State // the files of the layer
	Verify llb.State // the program starts in the image
}

// Companion makes the steps of g's companion; g must be made from in.
func (g *Graph) Companion(in Input) *Companion {
	b := &builder{in: in, loc: newLocator(in.Files)}
	c := &Companion{Tree: b.testTree(g.Toolchain, g.Source, g.Compile)}
	c.Layer = b.testLayer(c.Tree)
	c.Verify = b.verifyTest(g.Image, c.Layer)
	return c
}

// Key is the hex digest of all that decides the companion of an image with a key.
func (c *Companion) Key(image string) (string, error) {
	def, err := Marshal(context.Background(), c.Layer)
	if err != nil {
		return "", fmt.Errorf("marshal the companion: %w", err)
	}
	h := sha256.New()
	h.Write([]byte(image))
	for _, op := range def.Def {
		h.Write(op)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// testTree goes on in the folder that the image's programs were compiled in: CMake is asked for the tests too, and one program is
// compiled and linked with the libraries that are there.
func (b *builder) testTree(toolchain, src, compiled llb.State) llb.State {
	tree := llb.AddMount(srcDir, src, llb.ForceNoOutput)
	run := toolchain.Run(llb.Args([]string{"cmake", "-S", srcDir, "-B", buildDir, "-D" + testVariable + "=ON"}), b.compilerEnv(), offline(), b.parts(),
		b.tools(), tree, llb.AddMount(buildDir, compiled), llb.WithCustomName("configure: cmake, with the tests"), b.loc.at(b.in.Recipe.Pos))
	return b.build(toolchain, run.GetMount(buildDir), []string{TestProgram}, "the test program", tree)
}

func (b *builder) testLayer(tree llb.State) llb.State {
	at := b.in.Source.Time.UTC()
	files := llb.Scratch().File(llb.Mkdir("/usr/local/bin", 0o755, llb.WithParents(true), llb.WithCreatedTime(at)).
		Copy(tree, "/bin/"+TestProgram, "/usr/local/bin/"+TestProgram, &llb.CopyInfo{CreatedTime: &at}),
		llb.WithCustomNamef("image: test program of %s", b.in.Recipe.Name))
	// a folder's time is set when it is made and lost when it is filled; the copy sets all
	return llb.Scratch().File(llb.Copy(files, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true, CreatedTime: &at}),
		llb.WithCustomNamef("image: %s, its companion's layer", b.in.Recipe.Name), b.loc.at(b.in.Recipe.Image.Repository.Pos))
}

// verifyTest starts the program in the image it is for, with no network and no GPU.
func (b *builder) verifyTest(image, layer llb.State) llb.State {
	file := "/usr/local/bin/" + TestProgram
	run := image.Run(llb.Args([]string{file, "--list-ops"}), b.imageEnv(), offline(),
		llb.AddMount(file, layer, llb.SourcePath(file), llb.Readonly),
		llb.AddMount("/out", llb.Scratch()),
		llb.WithCustomNamef("verify: the test program of %s starts", b.in.Recipe.Name.Value), b.loc.at(b.in.Recipe.Pos))
	return run.GetMount("/out")
}
