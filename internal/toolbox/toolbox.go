// Package toolbox makes containers that people work in, of images of ours: with toolbox(1), distrobox or podman alone. It knows them again by
// labels on them, replaces one by a newer one and keeps the one before.
//
// It finds no images, asks no registry and checks no signature: it is told an image that podman has. It keeps no file of its own.
package toolbox

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// Labels of a toolbox. Values are plain words without spaces and commas: distrobox takes its flags apart at those.
const (
	labelName    = "strix-build.toolbox"
	labelRecipe  = labelName + ".recipe"
	labelFrom    = labelName + ".from"
	labelDigest  = labelName + ".digest"
	labelBuild   = labelName + ".build"
	labelManager = labelName + ".manager"
	labelKeys    = labelName + ".keys"
)

// Spec is all that a toolbox is made from. It is written on its container, so that it can be refreshed from that alone.
type Spec struct {
	Name    string // of the container
	Recipe  string // as channels are called: with its track's suffix
	From    string // repository whose channel it follows; "": the local store
	Digest  string // of the image's manifest: sha256:…
	Build   string // of llama.cpp: b9880
	Manager string // toolbox, distrobox or podman
	Keys    string // PEM of public keys, one of which signed; "": nobody's signature was asked for
}

// nameForm is podman's, and what toolbox(1) and a tag of an image leave of it.
var nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// What the names of containers end in that are not the one in use.
const (
	endPrevious = "-previous" // the one before
	endNext     = "-next"     // being made; or what an interrupted refresh left
	endAside    = "-aside"    // while two change places
)

// CheckName refuses names that no container of ours can have.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is no name for a toolbox: want up to 63 letters, digits, dots, dashes and underscores, a letter or digit first", name)
	}
	for _, end := range []string{endPrevious, endNext, endAside} {
		if strings.HasSuffix(name, end) {
			return fmt.Errorf("%q is no name for a toolbox: %q is for those that a refresh keeps", name, end)
		}
	}
	return nil
}

// labels are what is written on a container, as key=value.
func (s Spec) labels() []string {
	out := []string{labelName + "=" + s.Name, labelRecipe + "=" + s.Recipe, labelDigest + "=" + s.Digest, labelBuild + "=" + s.Build,
		labelManager + "=" + s.Manager}
	if s.From != "" {
		out = append(out, labelFrom+"="+s.From)
	}
	if s.Keys != "" {
		out = append(out, labelKeys+"="+base64.RawURLEncoding.EncodeToString([]byte(s.Keys)))
	}
	return out
}

// specOf reads labels back.
func specOf(labels map[string]string) (Spec, error) {
	keys, err := base64.RawURLEncoding.DecodeString(labels[labelKeys])
	if err != nil {
		return Spec{}, fmt.Errorf("label %s: %w", labelKeys, err)
	}
	return Spec{Name: labels[labelName], Recipe: labels[labelRecipe], From: labels[labelFrom], Digest: labels[labelDigest], Build: labels[labelBuild],
		Manager: labels[labelManager], Keys: string(keys)}, nil
}

// shortDigest is how many digits of a digest tell an image from others on one machine.
const shortDigest = 12

// short is the beginning of the image's digest.
func (s Spec) short() string {
	_, hex, _ := strings.Cut(s.Digest, ":")
	return hex[:min(shortDigest, len(hex))]
}

// Brought is what podman calls the image as it came: by digest from a repository, by a name of ours from the local store.
func (s Spec) Brought() string {
	if s.From != "" {
		return s.From + "@" + s.Digest
	}
	return "localhost/strix-build/" + s.Recipe + ":" + s.short()
}

// image is what podman calls the image that the container is made from. Each toolbox has its own name for it, so that removing one takes no
// image from another.
func (s Spec) image() string {
	return "localhost/strix-build/toolbox/" + s.Recipe + ":" + s.Name + "-" + s.short()
}
