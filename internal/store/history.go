package store

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// imported begins what BuildKit's exporter says of a layer that it found in a registry's cache.
const imported = "imported "

// CreatedBy says in the image's history who made its layers, where the exporter did not know: base for each layer before the last
// ones, which are own. An image that was made without a registry's cache stays as it is.
func (in *Staged) CreatedBy(base string, own []string) error {
	data, err := os.ReadFile(in.dir.blob(in.Config.Digest))
	if err != nil {
		return err
	}
	var config map[string]json.RawMessage // as the exporter writes it: what it does not know stays
	var history []ocispecs.History
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("config %s: %w", in.Config.Digest, err)
	}
	if err := json.Unmarshal(config["history"], &history); err != nil {
		return fmt.Errorf("history of config %s: %w", in.Config.Digest, err)
	}
	changed := false
	for i := range history {
		if !strings.HasPrefix(history[i].CreatedBy, imported) || len(history) != len(in.Layers) {
			continue
		}
		changed = true
		history[i].CreatedBy = base
		if n := i - (len(history) - len(own)); n >= 0 {
			history[i].CreatedBy = own[n]
		}
	}
	if !changed {
		return nil
	}
	if config["history"], err = json.Marshal(history); err != nil {
		return err
	}
	if data, err = json.Marshal(config); err != nil {
		return err
	}
	in.Config.Digest, in.Config.Size = digest.FromBytes(data), int64(len(data))
	if err := WriteFile(in.dir.blob(in.Config.Digest), data); err != nil {
		return err
	}
	return in.write()
}
