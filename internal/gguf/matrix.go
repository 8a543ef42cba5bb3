package gguf

import (
	"crypto/sha256"
	"math"
	"math/rand/v2"
)

// matrix is a tensor under construction.
type matrix struct {
	name string
	dims []int // the fastest first
	data []float32
}

func newMatrix(name string, dims ...int) *matrix {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return &matrix{name: name, dims: dims, data: make([]float32, n)}
}

// set makes output row depend on input column: y[row] += v * x[column].
func (m *matrix) set(row, column int, v float32) { m.data[row*m.dims[0]+column] = v }

// fill gives all elements one value.
func (m *matrix) fill(v float32) *matrix {
	for i := range m.data {
		m.data[i] = v
	}
	return m
}

// stream is a generator of its own for one purpose and tensor, so that a tensor more or less changes no other. ChaCha8's
// output is fixed by its specification (C2SP), and so is what is made of it here.
func stream(purpose, name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256([]byte("strix-build smoke model\n" + purpose + "\n" + name)))
}

// uniform returns a value in [-1, 1) that a float32 holds exactly.
func uniform(r *rand.ChaCha8) float32 { return float32(int64(r.Uint64()>>40)-1<<23) / (1 << 23) }

// shuffled are the numbers below n in an order that the purpose decides.
func shuffled(n int, purpose, name string) []int {
	r := stream(purpose, name)
	out := make([]int, n)
	for i := range out {
		j := int(r.Uint64() % uint64(i+1)) //nolint:gosec // small
		out[i], out[j] = out[j], i
	}
	return out
}

// disturb adds noise to every element: amount times the tensor's root mean square. Each step is rounded to its type by a
// conversion, which forbids the compiler to fuse it with the next, so that every CPU makes the same bytes.
func (m *matrix) disturb(purpose string, amount float64) {
	var sum float64
	for _, v := range m.data {
		sum += float64(float64(v) * float64(v))
	}
	scale := float32(float64(amount*math.Sqrt(3)) * math.Sqrt(sum/float64(len(m.data)))) // uniform noise has 1/sqrt(3)
	r := stream(purpose, m.name)
	for i := range m.data {
		m.data[i] += float32(scale * uniform(r))
	}
}
