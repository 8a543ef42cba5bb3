package toolbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Podman is the engine of this machine: toolbox(1) and distrobox make their containers with it too.
type Podman struct {
	Say func(format string, args ...any) // one line for people
	Log io.Writer                        // what programs say while they work; nil: nobody hears it

	instead func(words []string, input io.Reader) (string, error) // of starting programs, in tests
}

// endWithin is how long a program may take to end after it was told to.
const endWithin = 10 * time.Second

// call is a command line, and what is in its environment besides ours.
type call struct {
	words []string
	env   []string
	input io.Reader
	quiet bool // what it says is for nobody: it may fail
}

func podman(words ...string) call { return call{words: append([]string{"podman"}, words...)} }

// run runs a command line to its end, and returns what it printed. It is in a process group of its own: Ctrl-C reaches it through ctx alone, and
// all of it, for distrobox is a script that starts podman.
func (p *Podman) run(ctx context.Context, c call) (string, error) {
	if p.instead != nil {
		return p.instead(c.words, c.input)
	}
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = endWithin
	cmd.Stdin = c.input
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if p.Log != nil && !c.quiet {
		cmd.Stderr = io.MultiWriter(&said, p.Log)
	}
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(c.words[:min(2, len(c.words))], " "), err, why(said.String(), out.String()))
	}
	return out.String(), nil
}

// why is what a program said of its end: the last line that begins with "error", else the first.
func why(texts ...string) string {
	found := "it did not say why"
	lines := strings.Split(strings.TrimSpace(strings.Join(texts, "\n")), "\n")
	if lines[0] != "" {
		found = lines[0]
	}
	for _, l := range lines {
		if strings.HasPrefix(strings.ToLower(l), "error") {
			found = l
		}
	}
	return strings.TrimSpace(found)
}

// all runs command lines one after the other, until one fails.
func (p *Podman) all(ctx context.Context, calls ...call) error {
	for _, c := range calls {
		if _, err := p.run(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// ErrNoPodman says that no container can be made here.
var ErrNoPodman = errors.New("podman is not installed")

// Look finds podman.
func Look() error {
	if _, err := exec.LookPath("podman"); err != nil {
		return ErrNoPodman
	}
	return nil
}

// Has reports whether podman has an image.
func (p *Podman) Has(ctx context.Context, image string) bool {
	_, err := p.run(ctx, podman("image", "exists", image))
	return err == nil
}

// Pull brings an image: a name with its registry and digest, or another place that podman knows (oci:DIR:NAME). plain is for registries that do not
// encrypt.
func (p *Podman) Pull(ctx context.Context, from string, plain bool) error {
	words := []string{"pull", "--quiet"}
	if plain {
		words = append(words, "--tls-verify=false")
	}
	return p.all(ctx, podman(append(words, from)...))
}

// Load hands podman an image as an archive, which write writes.
func (p *Podman) Load(ctx context.Context, write func(io.Writer) error) error {
	in, to := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(to)
		to.CloseWithError(err)
		wrote <- err
	}()
	c := podman("load", "--quiet")
	c.input = in
	_, err := p.run(ctx, c)
	in.Close() // where podman has gone, nobody reads on
	if w := <-wrote; w != nil && !errors.Is(w, io.ErrClosedPipe) {
		return w
	}
	return err
}

// Taken reports whether there is a container of a name.
func (p *Podman) Taken(ctx context.Context, name string) bool {
	_, err := p.run(ctx, podman("container", "exists", name))
	return err == nil
}

// Image is what podman says of one.
type Image struct {
	ID          string `json:"Id"`
	Digest      string
	RepoDigests []string
	Labels      map[string]string
}

// Inspect looks at an image that podman has.
func (p *Podman) Inspect(ctx context.Context, image string) (*Image, error) {
	out, err := p.run(ctx, podman("image", "inspect", image))
	if err != nil {
		return nil, err
	}
	var all []Image
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return nil, fmt.Errorf("podman image inspect %s: %w", image, err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("podman image inspect %s: %d images", image, len(all))
	}
	return &all[0], nil
}

// Is reports whether an image is the one of a digest. podman keeps several for one that came by several ways.
func (i *Image) Is(digest string) bool {
	return i.Digest == digest || slices.ContainsFunc(i.RepoDigests, func(d string) bool { return strings.HasSuffix(d, "@"+digest) })
}
