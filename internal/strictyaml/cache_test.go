package strictyaml

import (
	"errors"
	"testing"
	"testing/fstest"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	type doc struct{ Name string }
	files := fstest.MapFS{"a.yaml": {Data: []byte("x")}}
	reads, broken := 0, errors.New("broken")
	read := func() (*doc, error) {
		reads++
		if reads == 1 {
			return nil, broken
		}
		return &doc{"read"}, nil
	}
	c := NewCache(files)
	if _, err := Once(c, "a.yaml", read); !errors.Is(err, broken) {
		t.Error(err)
	}
	for range 3 {
		d, err := Once(c, "a.yaml", read)
		if err != nil || d.Name != "read" {
			t.Errorf("%+v, %v", d, err)
		}
		d.Name = "mine" // no one else's
	}
	if reads != 2 {
		t.Errorf("read %d times, want once with a problem and once without", reads)
	}
	if _, err := Once(c, "b.yaml", read); err != nil || reads != 3 {
		t.Error("another file was not read:", err)
	}
	if _, err := Once(files, "a.yaml", read); err != nil || reads != 4 {
		t.Error("a file system without a cache did not read:", err)
	}
	if data, err := c.ReadFile("a.yaml"); string(data) != "x" || err != nil {
		t.Error(data, err)
	}
}
