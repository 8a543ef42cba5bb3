package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"strix-build/internal/build"
	"strix-build/internal/publish"
	"strix-build/internal/runner"
	"strix-build/internal/store"
)

// findEngine finds podman or docker on a host.
func findEngine(ctx context.Context, h runner.Host) (string, error) {
	for _, e := range []string{"podman", "docker"} {
		if _, err := runner.Output(ctx, h, "sh", "-c", `command -v "$1"`, "sh", e); err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	if h != (runner.Here{}) {
		return "", &build.HintError{Err: errors.New("nothing there runs an image"), Hint: "install podman or docker on that host"}
	}
	return "", &build.HintError{Err: errors.New("nothing here runs an image"),
		Hint: "run it as root with runc and unshare, or install podman or docker"}
}

// loadedAs is an engine's name for an image of ours; the digest follows.
const loadedAs = "localhost/strix-build/run:"

// loadImage hands an image to an engine, once: it stays there.
func (a *app) loadImage(ctx context.Context, h runner.Host, img store.Image, gpu *runner.GPU) (*subject, error) {
	engine, err := findEngine(ctx, h)
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	name := loadedAs + digest.Hex[:12]
	if _, err := runner.Output(ctx, h, engine, "image", "inspect", name); err != nil {
		err := a.step("load the image into "+engine, func(io.Writer) error {
			return publish.LoadBy(ctx, h.Command(ctx, engine, "load"), name, img)
		})
		if err != nil {
			return nil, fmt.Errorf("load into %s: %w", engine, err)
		}
	}
	return engineRuns(ctx, &runner.Engine{On: h, Program: engine, Image: name, GPU: gpu}), nil
}

func engineRuns(ctx context.Context, e *runner.Engine) *subject {
	return &subject{Runner: e, has: func(p string) bool { return e.Has(ctx, p) }, close: func() {}}
}

// engineSubject is an image that only podman or docker can know.
func (a *app) engineSubject(ctx context.Context, h runner.Host, o subjectFlags) (*subject, error) {
	engine, err := findEngine(ctx, h)
	if err != nil {
		return nil, &build.HintError{Err: usage("no image %q in the local store, and no layout of that name", o.image),
			Hint: `"strix-build images" lists the store; other images need podman or docker`}
	}
	out, err := runner.Output(ctx, h, engine, "image", "inspect", "--format", "{{json .Config}}", o.image)
	if err != nil {
		return nil, &build.HintError{Err: usage("no image %q in the local store, no layout of that name, and %s does not have it: %v", o.image, engine, err),
			Hint: `"strix-build images" lists the store`}
	}
	var config ocispecs.ImageConfig
	if err := json.Unmarshal(out, &config); err != nil {
		return nil, fmt.Errorf("configuration of %q: %w", o.image, err)
	}
	gpu, err := a.gpu(ctx, h, o, config.Labels)
	if err != nil {
		return nil, err
	}
	s := engineRuns(ctx, &runner.Engine{On: h, Program: engine, Image: o.image, GPU: gpu})
	s.labelled(config.Labels)
	s.env = config.Env
	return s, nil
}
