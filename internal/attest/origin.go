package attest

import (
	"fmt"
	"path"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"strix-build/internal/graph"
)

// origin is where a patch of the image is from; nil: it is not known, or what is known is of another patch by now.
func (img *Image) origin(p graph.PatchRecord) *Origin {
	o, ok := img.Origins[p.Name]
	if !ok || o.SHA256 != p.SHA256 {
		return nil
	}
	return &o
}

// words says an origin in a line.
func (o *Origin) words() string {
	if o == nil {
		return ""
	}
	var out []string
	switch {
	case o.Head != "":
		out = append(out, fmt.Sprintf("pull request %d, %s to %s", o.Pull, o.Base, o.Head))
	case o.Pull != 0:
		out = append(out, fmt.Sprintf("carries pull request %d", o.Pull))
	}
	if o.From != "" {
		out = append(out, o.From)
	}
	if o.Status != "" {
		out = append(out, "upstream: "+o.Status)
	}
	if len(o.SupersededBy) > 0 {
		out = append(out, fmt.Sprintf("superseded by %s", strings.Trim(fmt.Sprint(o.SupersededBy), "[]")))
	}
	return strings.Join(out, "; ")
}

// uri is where the change can be had: of a pull request that is taken as it is, its head in the repository.
func (o *Origin) uri(repository string) string {
	if o == nil || o.Head == "" {
		return ""
	}
	return gitURI(repository, o.Head)
}

// gitURI names a commit as SPDX and in-toto do: git+https://…@COMMIT.
func gitURI(repository, commit string) string {
	if repository == "" {
		return ""
	}
	return "git+" + repository + "@" + commit
}

// sourcePURL is the package URL of a commit of a git repository.
func sourcePURL(repository, commit string) string {
	where := strings.TrimSuffix(repository, ".git")
	if project, ok := strings.CutPrefix(where, "https://github.com/"); ok {
		owner, name := path.Split(project)
		return packageurl.NewPackageURL(packageurl.TypeGithub, strings.Trim(owner, "/"), name, commit, nil, "").ToString()
	}
	var from packageurl.Qualifiers
	if uri := gitURI(repository, commit); uri != "" {
		from = packageurl.Qualifiers{{Key: "vcs_url", Value: uri}}
	}
	return packageurl.NewPackageURL(packageurl.TypeGeneric, "", "llama.cpp", commit, from, "").ToString()
}

// ociPURL is the package URL of an image of a registry.
func ociPURL(name, digest string) string {
	at := packageurl.Qualifiers{{Key: "repository_url", Value: name}}
	return packageurl.NewPackageURL(packageurl.TypeOCI, "", path.Base(name), digest, at, "").ToString()
}
