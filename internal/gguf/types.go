package gguf

// kind is the type of a metadata value: gguf_metadata_value_type.
type kind uint32

const (
	kindUint8 kind = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
	kindEnd
)

// width is the size of a value in bytes; of a text the least it takes, its length; 0 for arrays and what is unknown.
func (k kind) width() uint64 {
	switch k {
	case kindUint8, kindInt8, kindBool:
		return 1
	case kindUint16, kindInt16:
		return 2
	case kindUint32, kindInt32, kindFloat32:
		return 4
	case kindUint64, kindInt64, kindFloat64, kindString:
		return 8
	}
	return 0
}

// block is the layout of a tensor type: so many values in so many bytes.
type block struct{ values, bytes uint64 }

const typeF32 = 0

// blocks are the types that ggml has or had, by ggml_type (GGML_QUANT_SIZES of gguf-py, at b10470).
var blocks = map[uint32]block{
	typeF32: {1, 4}, 1: {1, 2},
	2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, 9: {32, 40},
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, 15: {256, 292},
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, 21: {256, 110}, 22: {256, 82}, 23: {256, 136},
	24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 29: {256, 56}, 30: {1, 2},
	34: {256, 54}, 35: {256, 66}, 39: {32, 17}, 40: {64, 36}, 41: {128, 18}, 42: {64, 18},
}

// bytes is the size of t's data, or false for a type that is not known here or dimensions that do not fit it.
func (t Tensor) bytes() (uint64, bool) {
	b, ok := blocks[t.Type]
	n := t.Elements()
	if !ok || n%b.values != 0 {
		return 0, false
	}
	return n / b.values * b.bytes, true
}
