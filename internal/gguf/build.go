package gguf

import (
	"fmt"
	"math"
)

// builder collects the tensors of a model.
type builder struct {
	shape
	tensors []*matrix
}

// build makes a model's file. Base noise of 2 % of each tensor's root mean square leaves no weight zero; the drafts' noise
// comes on top.
func build(s shape, noise float64) []byte {
	b := &builder{shape: s}
	b.ends()
	for i := range s.layers {
		if s.isRecurrent(i) {
			b.recurrentLayer(i)
		} else {
			b.attentionLayer(i)
		}
		b.feedForward(i)
	}
	for _, t := range b.tensors {
		if len(t.dims) > 1 {
			t.disturb("base "+s.arch, 0.02)
			t.disturb("draft "+s.arch, noise)
		}
	}
	return encode(s.metadata(), b.tensors)
}

func (b *builder) add(name string, dims ...int) *matrix {
	m := newMatrix(name, dims...)
	b.tensors = append(b.tensors, m)
	return m
}

func (b *builder) layer(i int, name string, dims ...int) *matrix {
	return b.add(fmt.Sprintf("blk.%d.%s", i, name), dims...)
}

// norm adds the weights of a norm that takes the stream back to its plain scale: what it divides by is known, as all codes
// have one length.
func (b *builder) norm(name string, read bool) {
	sum := 2*high*high + 2*float64(len(frequencies)) + spare*spare*float64(width-atSpare)
	if read {
		sum += float64(len(frequencies))
	}
	b.add(name, width).fill(float32(math.Sqrt(sum / width)))
}

// ends adds the embedding and the output. A token's number going in is not the one it has going out, so that the sum of
// numbers does not run in a short circle. Tokens that are not text get low logits.
func (b *builder) ends() {
	in, out, class := shuffled(modulus, b.arch, "in"), shuffled(modulus, b.arch, "out"), shuffled(modulus, b.arch, "class")
	embedding, output := b.add("token_embd.weight", width, len(vocabulary)), b.add("output.weight", width, len(vocabulary))
	signs := stream(b.arch, "spare")
	for t := range vocabulary {
		embedding.set(t, atConst, high)
		embedding.set(t, atClass+class[t%modulus]%classes, high)
		for j, v := range code(in[t%modulus]) {
			embedding.set(t, atToken+j, v)
			embedding.set(t, atSum+j, v)
		}
		for j := atSpare; j < width; j++ {
			embedding.set(t, j, spare*float32(int64(signs.Uint64()>>63)*2-1))
		}
		if t >= modulus {
			output.set(t, atConst, -10)
			continue
		}
		for j, v := range code(out[t]) {
			output.set(t, atSum+j, 3*v)
		}
	}
	b.norm("output_norm.weight", false)
}
