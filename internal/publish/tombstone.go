package publish

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// rawManifest is a manifest whose parts are in the repository.
type rawManifest struct {
	data []byte
	kind types.MediaType
}

func (m rawManifest) RawManifest() ([]byte, error) { return m.data, nil }

func (m rawManifest) MediaType() (types.MediaType, error) { return m.kind, nil }

func (m rawManifest) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(m.data))
	return h, err
}

func (g Retired) annotations() map[string]string {
	return map[string]string{AnnotationRetired: g.Recipe, AnnotationSuccessor: g.Successor, AnnotationReason: g.Reason}
}

// tombstone is an image whose only program says where to go. It has neither a time nor a place of its making: said again, it is the same image. The label
// that toolbox asks for is missing, so that no toolbox is made of it.
func tombstone(repo string, gone Retired) (v1.Image, error) {
	said := (&RetiredError{repo, gone}).Error()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	program := saying(said + "\n")
	if err := w.WriteHeader(&tar.Header{Name: "retired", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, static.NewLayer(b.Bytes(), types.OCIUncompressedLayer))
	if err != nil {
		return nil, err
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cfg = cfg.DeepCopy()
	cfg.OS, cfg.Architecture = "linux", "amd64"
	cfg.Config.Entrypoint = []string{"/retired"} // and no command: what people add to it is its arguments, not the program
	cfg.Config.Labels = gone.annotations()
	cfg.Config.Labels[ocispecs.AnnotationTitle] = gone.Recipe + ", retired"
	cfg.Config.Labels[ocispecs.AnnotationDescription] = said
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(img, gone.annotations()).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotations of the tombstone of %q cannot be written", gone.Recipe)
	}
	return annotated, nil
}

// ExitRetired is the status of a tombstone's program: EX_UNAVAILABLE of sysexits.h.
const ExitRetired = 69

// saying is a program for Linux on amd64 that writes a text to its standard error and ends with ExitRetired: a header, one segment, nine instructions.
// A compiled one would be a megabyte, and one in a script would need a shell.
func saying(text string) []byte {
	const (
		base   = 0x400000
		header = 64 + 56
	)
	code := []byte{
		0xb8, 1, 0, 0, 0, // mov eax, write
		0xbf, 2, 0, 0, 0, // mov edi, stderr
		0x48, 0x8d, 0x35, 19, 0, 0, 0, // lea rsi, [rip+19]: the text
		0xba, 0, 0, 0, 0, // mov edx, its length
		0x0f, 0x05, // syscall
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0xbf, ExitRetired, 0, 0, 0, // mov edi, status
		0x0f, 0x05, // syscall
	}
	le := binary.LittleEndian
	le.PutUint32(code[18:], uint32(len(text)))
	out := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0} // 64 bits, little-endian, System V
	out = le.AppendUint16(out, 2)                                          // an executable
	out = le.AppendUint16(out, 62)                                         // x86-64
	out = le.AppendUint32(out, 1)
	for _, v := range []uint64{base + header, 64, 0} { // entry; where the segments and (none) the sections are listed
		out = le.AppendUint64(out, v)
	}
	out = le.AppendUint32(out, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} { // sizes of this header, of a segment's, how many; no sections
		out = le.AppendUint16(out, v)
	}
	out = le.AppendUint32(out, 1) // a segment that is loaded
	out = le.AppendUint32(out, 5) // read and run
	size := uint64(header + len(code) + len(text))
	for _, v := range []uint64{0, base, base, size, size, 0x1000} { // the whole file
		out = le.AppendUint64(out, v)
	}
	return append(append(out, code...), text...)
}
