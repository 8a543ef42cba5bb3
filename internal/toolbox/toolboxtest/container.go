package toolboxtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Find is the container of a name; nil: there is none.
func (e *Engine) Find(name string) *Container {
	i := slices.IndexFunc(e.Containers, func(c *Container) bool { return c.Names[0] == name })
	if i < 0 {
		return nil
	}
	return e.Containers[i]
}

func (e *Engine) create(name, image string, more map[string]string, command []string) error {
	i := e.Images[image]
	if i == nil {
		return fmt.Errorf("no image %q", image)
	}
	if e.Find(name) != nil {
		return fmt.Errorf("container %q is there already", name)
	}
	all := maps.Clone(i.Labels)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	e.Clock++
	e.Containers = append(e.Containers, &Container{Names: []string{name}, Labels: all, State: "created", Command: command, Created: e.Clock, Image: image, ImageID: i.ID})
	return nil
}

// container does what is done to one.
func (e *Engine) container(words []string, name string) error {
	if words[0] == "rename" || words[0] == "exec" {
		name = words[1]
	}
	c := e.Find(name)
	if c == nil {
		if slices.Contains(words, "--ignore") {
			return nil
		}
		return fmt.Errorf("no container %q", name)
	}
	switch words[0] {
	case "container": // exists
	case "rename":
		if e.Find(words[2]) != nil {
			return fmt.Errorf("container %q is there already", words[2])
		}
		c.Names[0] = words[2]
	case "start":
		c.State = "running"
	case "stop":
		c.State = "exited"
	case "exec":
		if c.State != "running" {
			return fmt.Errorf("container %q does not run", name)
		}
	case "rm":
		if c.State == "running" && !slices.Contains(words, "--force") {
			return fmt.Errorf("container %q runs", name)
		}
		e.Containers = slices.DeleteFunc(e.Containers, func(o *Container) bool { return o == c })
	default:
		return fmt.Errorf("what is %q?", words)
	}
	return nil
}

func (e *Engine) toolbox(words []string) (string, error) {
	args := values(words)
	switch {
	case slices.Contains(words, "create"):
		return "", e.create(words[len(words)-1], args["--image"], nil, []string{"toolbox", "init-container"})
	case words[0] == "run":
		return "", e.container([]string{"start"}, args["--container"])
	}
	return "", fmt.Errorf("what is %q?", words)
}

func (e *Engine) distrobox(words []string) (string, error) {
	args := values(words)
	switch words[0] {
	case "create":
		return "", e.create(args["--name"], args["--image"], labels(strings.Fields(args["--additional-flags"])), []string{"-v", "--name", "me"})
	case "enter":
		return "", e.container([]string{"start"}, args["--name"])
	}
	return "", fmt.Errorf("what is %q?", words)
}
