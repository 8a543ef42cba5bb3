package main

import (
	"context"
	"os"
	"path/filepath"

	"strix-build/internal/build"
	"strix-build/internal/buildkit"
	"strix-build/internal/graph"
	"strix-build/internal/store"
)

func (a *app) state() (string, error) {
	dir := a.stateDir
	if dir == "" {
		dir = os.Getenv("STRIX_BUILD_STATE")
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(a.getenv("XDG_DATA_HOME", filepath.Join(home, ".local", "share")), "strix-build")
	}
	return filepath.Abs(dir)
}

func (a *app) images() (*store.Store, error) {
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	return store.Open(filepath.Join(dir, "images"))
}

// trees holds what builds are made from: bases, exported sources, this program.
func (a *app) trees() (*store.Store, error) {
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	return store.Open(filepath.Join(dir, "trees"))
}

// engines are the builders that the user named, or one that is looked for.
func (a *app) engines() ([]buildkit.Options, error) {
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	all, err := buildkit.Options{StateDir: filepath.Join(dir, "builder"), Log: a.log}.Several(a.builders)
	if err != nil {
		return nil, &build.HintError{Err: usage("%v", err), Hint: buildkit.Hint(err)}
	}
	return all, nil
}

// endpoints are engines as builds take them.
func endpoints(engines []buildkit.Options) []build.Endpoint {
	var out []build.Endpoint
	for _, o := range engines {
		out = append(out, build.Endpoint{Name: o.Name(), Connect: func(ctx context.Context) (*buildkit.Builder, error) { return buildkit.Connect(ctx, o) }})
	}
	return out
}

// newBuilder wires the real parts. The returned function ends the display; call it before printing results.
func (a *app) newBuilder(show bool) (*build.Builder, func(), error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, err
	}
	dir, err := a.state()
	if err != nil {
		return nil, nil, err
	}
	images, err := a.images()
	if err != nil {
		return nil, nil, err
	}
	trees, err := a.trees()
	if err != nil {
		return nil, nil, err
	}
	engines, err := a.engines()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	display, done, err := a.newDisplay(show, "Building")
	if err != nil {
		return nil, nil, err
	}
	return &build.Builder{
		Project: p, Images: images, Trees: trees, Cache: filepath.Join(dir, "cache"), Display: display, Log: a.log, Self: self, Tool: versionText(),
		Mirror:   os.Getenv("STRIX_DEBIAN_MIRROR"),
		Secrets:  hostSecrets(),
		Builders: endpoints(engines),
	}, done, nil
}

// caBundles are where distributions keep the certificates that this host trusts.
var caBundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}

// hostSecrets are this host's package client settings, for fetch steps only.
func hostSecrets() map[string][]byte {
	s := map[string][]byte{}
	for _, f := range caBundles {
		if data, err := os.ReadFile(f); err == nil {
			s[graph.SecretCA] = data
			break
		}
	}
	if data := aptSettings(); len(data) > 0 {
		s[graph.SecretApt] = data
	}
	return s
}
