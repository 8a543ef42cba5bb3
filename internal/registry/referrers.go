package registry

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// referrersOf takes the path of a list of what names an image as its subject apart.
func referrersOf(path string) (repo string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	i := strings.LastIndex(rest, "/referrers/")
	if !ok || i < 1 {
		return "", false
	}
	return rest[:i], true
}

// referrers lists with each manifest the type that it says it is (distribution specification, "Listing Referrers"): the handler takes that of
// the configuration for it, and clients that look for one type find nothing.
func (r *Registry) referrers(w http.ResponseWriter, req *http.Request, repo string) {
	said := &answer{header: http.Header{}}
	r.inner.ServeHTTP(said, req)
	if index, err := v1.ParseIndexManifest(bytes.NewReader(said.body.Bytes())); err == nil && said.code == http.StatusOK {
		for i, d := range index.Manifests {
			if kind := r.artifactType(repo, d.Digest.String()); kind != "" {
				index.Manifests[i].ArtifactType = kind
			}
		}
		if data, err := json.Marshal(index); err == nil {
			said.body = *bytes.NewBuffer(data)
			said.header.Set("Content-Length", strconv.Itoa(len(data)))
		}
	}
	said.send(w)
}

func (r *Registry) artifactType(repo, digest string) string {
	data, err := os.ReadFile(r.file(repo, digest))
	if err != nil {
		return ""
	}
	_, body, _ := bytes.Cut(data, []byte("\n"))
	var m struct {
		ArtifactType string `json:"artifactType"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	return m.ArtifactType
}
