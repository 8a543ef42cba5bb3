package codeobject

import (
	"bufio"
	"compress/zlib"
	"crypto/md5" //nolint:gosec // the file format names it; it guards against damage, not against people
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The header is in clang's documentation, "Clang Offload Bundler", section Compression and Decompression: magic,
// version u16, method u16, file size (none in version 1, u32 in 2, u64 in 3; with the header), uncompressed size
// (u32, u32, u64), hash u64. The numbers of the methods are llvm::compression::Format.
const (
	compressedMagic = "CCOB"
	methodZlib      = 0
	methodZstd      = 1
)

type compressedHeader struct {
	version, method uint16
	size            int64  // bytes in the file, header included
	raw             int64  // bytes when uncompressed
	hash            uint64 // first eight bytes of the uncompressed bundle's MD5
}

// length of the header alone.
func (h compressedHeader) length() int64 { return map[uint16]int64{1: 20, 2: 24, 3: 32}[h.version] }

const (
	// The best ratio seen in ROCm's libraries is about 40; what claims more than this is damaged, or wants memory.
	maxRatio = 1024

	maxWindow     = 1 << 30 // of a frame we read
	smallWindow   = 8 << 20 // which streaming encoders ask for whatever the content
	encoderWindow = 8 << 20 // of a frame we write
)

func readCompressedHeader(r io.ReaderAt, off, limit int64) (compressedHeader, error) {
	var buf [32]byte
	n, err := io.ReadFull(io.NewSectionReader(r, off, limit), buf[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return compressedHeader{}, truncated(err)
	}
	le := binary.LittleEndian
	h := compressedHeader{version: le.Uint16(buf[4:]), method: le.Uint16(buf[6:])}
	size, raw := uint64(limit), uint64(0)
	switch h.version {
	case 1:
		raw, h.hash = uint64(le.Uint32(buf[8:])), le.Uint64(buf[12:])
	case 2:
		size, raw, h.hash = uint64(le.Uint32(buf[8:])), uint64(le.Uint32(buf[12:])), le.Uint64(buf[16:])
	case 3:
		size, raw, h.hash = le.Uint64(buf[8:]), le.Uint64(buf[16:]), le.Uint64(buf[24:])
	default:
		return h, fmt.Errorf("compressed bundle version %d is not known (1 to 3 are)", h.version)
	}
	if int64(n) < h.length() {
		return h, errTruncated
	}
	if size < uint64(h.length()) || size > uint64(limit) {
		return h, fmt.Errorf("header states %d bytes, there are %d", size, limit)
	}
	if raw > (size+maxBundleAlign)*maxRatio {
		return h, fmt.Errorf("header states %d bytes uncompressed out of %d, which is not plausible", raw, size)
	}
	h.size, h.raw = int64(size), int64(raw)
	return h, h.measure(r, off)
}

// measure finds where the compressed content ends, which a version 1 header does not state, and holds what it finds
// against the header.
func (h *compressedHeader) measure(r io.ReaderAt, off int64) error {
	payload := io.NewSectionReader(r, off+h.length(), h.size-h.length())
	var length int64
	var err error
	switch h.method {
	case methodZstd:
		length, err = zstdFrameLength(payload, h.raw)
	case methodZlib:
		if h.version > 1 {
			return nil
		}
		length, err = zlibLength(io.LimitReader(payload, h.size), h.raw)
	default:
		err = fmt.Errorf("compression method %d is not known (0 is zlib, 1 zstd)", h.method)
	}
	if err != nil {
		return err
	}
	length += h.length()
	if h.version > 1 && length != h.size {
		return fmt.Errorf("header states %d bytes, its zstd frame ends after %d", h.size, length)
	}
	h.size = length
	return nil
}

// zstdFrameLength walks one frame's block headers (RFC 8878, section 3.1.1). It refuses a frame that asks for a
// window, which a decoder must allocate, much larger than the raw bytes it is said to hold.
func zstdFrameLength(r *io.SectionReader, raw int64) (int64, error) {
	var buf [zstd.HeaderMaxSize]byte
	n, err := r.ReadAt(buf[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	var head zstd.Header
	if err := head.Decode(buf[:n]); err != nil {
		return 0, fmt.Errorf("zstd: %w", truncated(err))
	}
	if head.Skippable || head.WindowSize > max(2*uint64(raw), smallWindow) {
		return 0, fmt.Errorf("zstd: a frame with a window of %d bytes does not hold %d bytes", head.WindowSize, raw)
	}
	for pos := int64(head.HeaderSize); ; {
		var block [4]byte
		if _, err := r.ReadAt(block[:3], pos); err != nil {
			return 0, truncated(err)
		}
		word := binary.LittleEndian.Uint32(block[:])
		last, kind, size := word&1 == 1, word>>1&3, int64(word>>3)
		if kind == 1 {
			size = 1 // a run: one byte, repeated
		}
		pos += 3 + size
		if last && head.HasCheckSum {
			pos += 4
		}
		if pos > r.Size() {
			return 0, errTruncated
		}
		if last {
			return pos, nil
		}
	}
}

// zlibLength decodes the stream and counts what it took; flate reads no byte too many from an io.ByteReader.
func zlibLength(r io.Reader, raw int64) (int64, error) {
	in := &countingReader{r: bufio.NewReader(r)}
	z, err := zlib.NewReader(in)
	if err != nil {
		return 0, fmt.Errorf("zlib: %w", truncated(err))
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, raw+1))
	if err != nil {
		return 0, fmt.Errorf("zlib: %w", truncated(err))
	}
	if n > raw {
		return 0, fmt.Errorf("zlib: content is longer than the %d bytes its header states", raw)
	}
	return in.n, nil
}

type countingReader struct {
	r *bufio.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// decode streams the uncompressed bundle. It holds one window in memory: clang's long distance matching makes that up
// to 128 MiB.
func (h compressedHeader) decode(z *codec, r io.ReaderAt, off int64) (io.ReadCloser, error) {
	payload := io.NewSectionReader(r, off+h.length(), h.size-h.length())
	if h.method == methodZlib {
		in, err := zlib.NewReader(bufio.NewReader(payload))
		if err != nil {
			return nil, fmt.Errorf("zlib: %w", truncated(err))
		}
		return in, nil
	}
	return z.stream(payload)
}

// codec keeps one decoder and one encoder. Both own large buffers; used again they make no garbage, which would double
// the memory in use. The zero value is ready. It may be used from several goroutines.
type codec struct {
	mu      sync.Mutex
	decoder *zstd.Decoder // nil while in use

	encoding sync.Mutex
	encoder  *zstd.Encoder
}

// stream decodes a zstd stream. Without goroutines of its own: a reader that is dropped leaves nothing running.
func (c *codec) stream(r io.Reader) (io.ReadCloser, error) {
	c.mu.Lock()
	d := c.decoder
	c.decoder = nil
	c.mu.Unlock()
	if d == nil {
		var err error
		d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
	}
	if err := d.Reset(r); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return &frameReader{Decoder: d, owner: c}, nil
}

type frameReader struct {
	*zstd.Decoder
	owner *codec
}

func (s *frameReader) Close() error {
	if err := s.Reset(nil); err != nil { // lets go of the file
		return err
	}
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	s.owner.decoder = s.Decoder
	return nil
}

// encode appends raw to out as one frame. No checksum: the bundle's header has a hash. The result depends on the input
// and the library's release alone.
func (c *codec) encode(raw, out []byte) ([]byte, error) {
	c.encoding.Lock()
	defer c.encoding.Unlock()
	if c.encoder == nil {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression),
			zstd.WithWindowSize(encoderWindow), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		c.encoder = e
	}
	return c.encoder.EncodeAll(raw, out), nil
}

// compress writes raw as a compressed bundle. The method is always zstd; the hash and sizes are as clang writes them.
func (c *codec) compress(raw []byte, version uint16) ([]byte, error) {
	h := compressedHeader{version: version, method: methodZstd}
	out, err := c.encode(raw, make([]byte, h.length(), h.length()+int64(len(raw)/2)))
	if err != nil {
		return nil, err
	}
	if version < 3 && max(len(raw), len(out)) > math.MaxUint32 {
		return nil, fmt.Errorf("bundle of %d bytes does not fit compressed version %d", len(raw), version)
	}
	sum := md5.Sum(raw) //nolint:gosec // see the import
	copy(out, h.encode(uint64(len(out)), uint64(len(raw)), binary.LittleEndian.Uint64(sum[:])))
	return out, nil
}

// encode writes the header; size counts it too.
func (h compressedHeader) encode(size, raw, hash uint64) []byte {
	le := binary.LittleEndian
	head := le.AppendUint16([]byte(compressedMagic), h.version)
	head = le.AppendUint16(head, h.method)
	switch h.version {
	case 1:
		head = le.AppendUint32(head, uint32(raw))
	case 2:
		head = le.AppendUint32(head, uint32(size))
		head = le.AppendUint32(head, uint32(raw))
	default:
		head = le.AppendUint64(head, size)
		head = le.AppendUint64(head, raw)
	}
	return le.AppendUint64(head, hash)
}
