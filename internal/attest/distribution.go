package attest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/textproto"
	"path"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// debPackage is a package that dpkg's database has.
type debPackage struct {
	name, version, arch string
	source              string // of which source package, and which version of it where that differs
	homepage            string
}

// distribution lists the packages of the image's distribution. A database that is not read is told, not passed over.
func (b *bill) distribution() error {
	list, err := b.img.debPackages()
	if err != nil {
		return err
	}
	id, release := distro(b.img.Files[osRelease])
	for _, p := range list {
		b.relate(b.image, common.TypeRelationshipContains, b.add(p.spdx(id, release)))
	}
	if where := b.img.rpmDatabase(); where != "" {
		b.left = append(b.left, fmt.Sprintf("There is an rpm database (%s), which strix-build does not read: the packages in it are NOT listed.", where))
	} else if len(list) == 0 {
		b.left = append(b.left, "There is no package database: no package of a distribution is listed, whatever is in the image.")
	}
	return nil
}

// debPackages reads dpkg's database, in its own form and in that of images without a dpkg (a file for each package), by name.
func (img *Image) debPackages() ([]debPackage, error) {
	var out []debPackage
	for _, name := range slices.Sorted(maps.Keys(img.Files)) {
		if name != dpkgStatus && path.Dir(name) != dpkgFolder {
			continue
		}
		list, err := readDpkg(img.Files[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b debPackage) int { return strings.Compare(a.name+" "+a.arch, b.name+" "+b.arch) })
	return out, nil
}

// readDpkg reads paragraphs of fields as deb-control(5) has them; what is not installed is left out. The form is that of a
// mail's headers, which is why net/textproto reads it.
func readDpkg(data []byte) ([]debPackage, error) {
	var out []debPackage
	for r := textproto.NewReader(bufio.NewReader(bytes.NewReader(data))); ; {
		h, err := r.ReadMIMEHeader()
		if len(h) > 0 && h.Get("Package") == "" {
			return nil, fmt.Errorf("a package without a name, after %d others", len(out))
		}
		if len(h) > 0 && installed(h.Get("Status")) {
			out = append(out, debPackage{h.Get("Package"), h.Get("Version"), h.Get("Architecture"), h.Get("Source"), h.Get("Homepage")})
		}
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("after %d packages: %w", len(out), err)
		}
	}
}

// installed reads a Status field: what is wanted, a flag, and how far it is. An image without a dpkg has none.
func installed(status string) bool {
	words := strings.Fields(status)
	return len(words) < 3 || words[2] != "not-installed" && words[2] != "config-files"
}

func (p *debPackage) spdx(distro, release string) *spdx.Package {
	q := packageurl.Qualifiers{{Key: "arch", Value: p.arch}}
	if release != "" {
		q = append(q, packageurl.Qualifier{Key: "distro", Value: distro + "-" + release})
	}
	out := &spdx.Package{PackageName: p.name, PackageSPDXIdentifier: identifier("Package-deb", p.name, p.arch), PackageVersion: p.version,
		PackageHomePage: p.homepage, PackageSupplier: &common.Supplier{Supplier: nothing},
		PackageExternalReferences: purl(packageurl.NewPackageURL(packageurl.TypeDebian, distro, p.name, p.version, q, "").ToString())}
	if p.source != "" {
		out.PackageSourceInfo = "built from source package " + p.source
	}
	return out
}

// distro is the distribution by its own word, os-release(5): its name, and its release or, where it has none, its code name.
func distro(release []byte) (id, version string) {
	fields := map[string]string{}
	for line := range strings.Lines(string(release)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	id = fields["ID"]
	if id == "" {
		id = "debian" // whose format the database has
	}
	if fields["VERSION_ID"] != "" {
		return id, fields["VERSION_ID"]
	}
	return id, fields["VERSION_CODENAME"]
}

// rpmDatabase is where the image has one, "" for none.
func (img *Image) rpmDatabase() string {
	for _, name := range slices.Sorted(maps.Keys(img.Files)) {
		if slices.Contains(rpmFolders, path.Dir(name)) {
			return "/" + name
		}
	}
	return ""
}
