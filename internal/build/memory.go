package build

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"strix-build/internal/store"
)

// memory is which of several builders built what the last time. It decides where work goes, never what comes of it: a file that
// cannot be read is as good as none.
type memory struct {
	file string

	mu   sync.Mutex
	last map[string]string // image → builder
}

func recall(cache string) *memory {
	m := &memory{file: filepath.Join(cache, "builders.json"), last: map[string]string{}}
	if data, err := os.ReadFile(m.file); err == nil {
		_ = json.Unmarshal(data, &m.last)
	}
	return m
}

func (m *memory) of(image string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last[image]
}

func (m *memory) set(image, builder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if builder == "" || m.last[image] == builder {
		return nil
	}
	m.last[image] = builder
	data, err := json.MarshalIndent(m.last, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.file), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return store.WriteFile(m.file, append(data, '\n'))
}
