package buildkit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCachesAreReadAsBuildKitWritesThem(t *testing.T) {
	t.Parallel()
	full := map[string]string{"ref": "r.example/c:x", "mode": "max", "image-manifest": "true", "oci-mediatypes": "true", "compression": "zstd", "compression-level": "3"}
	with := func(key, value string) map[string]string {
		out := map[string]string{key: value}
		for k, v := range full {
			if k != key {
				out[k] = v
			}
		}
		return out
	}
	tests := []struct {
		text     string
		from, to map[string]string
		err      string
	}{
		{text: "r.example/c:x", from: map[string]string{"ref": "r.example/c:x"}, to: full},
		{text: "type=registry,ref=r.example/c:x", from: map[string]string{"ref": "r.example/c:x"}, to: full},
		{text: "ref=r.example/c:x,mode=min", from: map[string]string{"ref": "r.example/c:x", "mode": "min"}, to: with("mode", "min")},
		{text: "ref=r.example/c:x,registry.insecure=true", from: map[string]string{"ref": "r.example/c:x", "registry.insecure": "true"}, to: with("registry.insecure", "true")},
		{text: "", err: `"": want a reference, or type=registry,ref=NAME`},
		{text: "type=gha,scope=x", err: `"type=gha,scope=x": type "gha"; only registry`},
		{text: "type=registry", err: `"type=registry": no ref`},
		{text: "ref=x,max", err: `"ref=x,max": "max" is not KEY=VALUE`},
		{text: "r.example/C", err: "could not parse reference: r.example/C"},
	}
	for _, tt := range tests {
		for want, parse := range map[*map[string]string]func(string) (Cache, error){&tt.from: CacheFrom, &tt.to: CacheTo} {
			c, err := parse(tt.text)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.err {
				t.Errorf("%s: %q, want %q", tt.text, got, tt.err)
			}
			if d := cmp.Diff(*want, c.attrs); d != "" && tt.err == "" {
				t.Errorf("%s (-want +got):\n%s", tt.text, d)
			}
		}
	}
}
