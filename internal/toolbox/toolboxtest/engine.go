// Package toolboxtest stands in for podman, toolbox(1) and distrobox: it keeps names of images and containers, and runs nothing.
package toolboxtest

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Engine is what podman would know.
type Engine struct {
	Images     map[string]*Image // by name
	Containers []*Container
	Calls      []string          // command lines, in order
	Labels     map[string]string // of what is pulled
	Fail       string            // a command line that has this in it fails
	Clock      int64
}

// Image is an image.
type Image struct {
	ID          string `json:"Id"`
	Digest      string
	RepoDigests []string
	Labels      map[string]string
}

// Container is a container, as podman ps has it.
type Container struct {
	Names   []string
	Labels  map[string]string
	State   string
	Command []string
	Created int64
	Image   string // its name
	ImageID string
}

// Run does what a command line would have done, and returns what it would have printed.
func (e *Engine) Run(words []string, input io.Reader) (string, error) {
	line := strings.Join(words, " ")
	e.Calls = append(e.Calls, line)
	if e.Fail != "" && strings.Contains(line, e.Fail) {
		return "", errors.New("it was told to fail")
	}
	if e.Images == nil {
		e.Images = map[string]*Image{}
	}
	switch words[0] {
	case "toolbox":
		return e.toolbox(words[1:])
	case "distrobox":
		return e.distrobox(words[1:])
	}
	return e.podman(words[1:], input)
}

func (e *Engine) podman(words []string, input io.Reader) (string, error) {
	args := values(words)
	last := words[len(words)-1]
	switch words[0] {
	case "ps":
		return e.list()
	case "pull":
		return "", e.pull(last)
	case "load":
		return "", e.load(input)
	case "build":
		return "", e.build(words, args["--tag"], input)
	case "tag":
		return "", e.tag(words[1], last)
	case "create":
		return "", e.create(args["--name"], words[len(words)-3], labels(words), words[len(words)-2:])
	case "image":
		return e.image(words[1], last)
	}
	return "", e.container(words, last)
}

// values are those of flags: --name value.
func values(words []string) map[string]string {
	out := map[string]string{}
	for i, w := range words[:len(words)-1] {
		if strings.HasPrefix(w, "--") {
			out[w] = words[i+1]
		}
	}
	return out
}

func labels(words []string) map[string]string {
	out := map[string]string{}
	for i, w := range words {
		if w == "--label" {
			k, v, _ := strings.Cut(words[i+1], "=")
			out[k] = v
		} else if l, ok := strings.CutPrefix(w, "--label="); ok {
			k, v, _ := strings.Cut(l, "=")
			out[k] = v
		}
	}
	return out
}

func (e *Engine) list() (string, error) {
	ours := slices.DeleteFunc(slices.Clone(e.Containers), func(c *Container) bool { return c.Labels["strix-build.toolbox"] == "" })
	data, err := json.Marshal(ours)
	return string(data), err
}

func (e *Engine) pull(name string) error {
	_, digest, ok := strings.Cut(name, "@")
	if !ok {
		return fmt.Errorf("%q is no name by digest", name)
	}
	e.Images[name] = &Image{ID: "id-" + digest, Digest: digest, RepoDigests: []string{name}, Labels: e.Labels}
	return nil
}

// load reads an archive as podman does: the index has the name, the configuration the labels.
func (e *Engine) load(input io.Reader) error {
	files := map[string][]byte{}
	for t := tar.NewReader(input); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if files[h.Name], err = io.ReadAll(t); err != nil {
			return err
		}
	}
	blob := func(digest string) []byte { return files["blobs/sha256/"+strings.TrimPrefix(digest, "sha256:")] }
	var index struct {
		Manifests []struct {
			Digest      string
			Annotations map[string]string
		}
	}
	var manifest struct{ Config struct{ Digest string } }
	var config struct {
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return err
	}
	m := index.Manifests[0]
	if err := errors.Join(json.Unmarshal(blob(m.Digest), &manifest), json.Unmarshal(blob(manifest.Config.Digest), &config)); err != nil {
		return err
	}
	e.Images[m.Annotations["org.opencontainers.image.ref.name"]] = &Image{ID: manifest.Config.Digest, Digest: m.Digest, Labels: config.Config.Labels}
	return nil
}

func (e *Engine) build(words []string, name string, input io.Reader) error {
	data, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	from := e.Images[strings.TrimSpace(strings.TrimPrefix(string(data), "FROM "))]
	if from == nil {
		return fmt.Errorf("no image for %q", data)
	}
	all := maps.Clone(from.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, labels(words))
	e.Images[name] = &Image{ID: "built from " + from.ID, Digest: "sha256:made", Labels: all}
	return nil
}

func (e *Engine) tag(from, to string) error {
	if e.Images[from] == nil {
		return fmt.Errorf("no image %q", from)
	}
	e.Images[to] = e.Images[from]
	return nil
}

func (e *Engine) image(what, name string) (string, error) {
	i := e.Images[name]
	if i == nil {
		return "", fmt.Errorf("no image %q", name)
	}
	switch what {
	case "inspect":
		data, err := json.Marshal([]*Image{i})
		return string(data), err
	case "rm":
		names := 0
		for _, other := range e.Images {
			if other.ID == i.ID {
				names++
			}
		}
		used := slices.ContainsFunc(e.Containers, func(c *Container) bool { return c.ImageID == i.ID })
		if names == 1 && used {
			return "", fmt.Errorf("image %q is in use", name)
		}
		delete(e.Images, name)
	}
	return "", nil
}
