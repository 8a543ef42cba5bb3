package gguf

import "math"

// lags say how far back each layer's attention looks, in tokens.
var lags = [...]int{3, 8, 13, 5, 11, 7, 4, 9}

// The fastest 16 pairs of a head decide; slower ones turn too little to tell a token from its neighbour. sharpness is what a
// pair adds to a score, in nats: a token beside the one that is looked for is 13 nats below.
const (
	pairs     = headWidth / 4
	sharpness = 12
)

// attentionLayer adds attention that reads the running sum of the token some places back: query and key are constants, which
// the rotary embedding turns by position, so that scores have their peak at one distance. Each of the two heads carries half
// of the frequencies.
func (b *builder) attentionLayer(i int) {
	b.norm(layerName(i, "attn_norm.weight"), false)
	amount := math.Sqrt(sharpness * math.Sqrt(headWidth)) // of a pair in query and key
	inMatrix := float32(amount / high)
	if b.qkNorm {
		inMatrix = 1
		unit := float32(amount / 2) // with half of the pairs zero, the norm makes the others 2 long
		b.layer(i, "attn_q_norm.weight", headWidth).fill(unit)
		b.layer(i, "attn_k_norm.weight", headWidth).fill(unit)
	}
	b.query(i, inMatrix)
	key, value := b.layer(i, "attn_k.weight", width, headWidth), b.layer(i, "attn_v.weight", width, headWidth)
	for f := range pairs {
		key.set(b.rotary(f), atConst, inMatrix)
	}
	out := b.layer(i, "attn_output.weight", heads*headWidth, width)
	for j := range codeWidth {
		value.set(j, atSum+j, 1)
		out.set(atRead+j, j*heads/codeWidth*headWidth+j, 1)
	}
}

// rotary is the place of the first of a pair; the second is behind it, or half a head.
func (b *builder) rotary(pair int) int {
	if b.halves {
		return pair
	}
	return 2 * pair
}

// query turns the constant back by the layer's lag, and opens the gate where there is one.
func (b *builder) query(i int, amount float32) {
	stride, second := headWidth, 1
	if b.gated {
		stride = 2 * headWidth
	}
	if b.halves {
		second = headWidth / 2
	}
	m := b.layer(i, "attn_q.weight", width, heads*stride)
	for h := range heads {
		theta := 1.0
		for f := range pairs {
			cos, sin := angle(float64(float64(lags[i]) * theta)) // rounded, as in angle
			row := h*stride + b.rotary(f)
			m.set(row, atConst, float32(amount*cos))
			m.set(row+second, atConst, float32(-amount*sin))
			theta *= 0.7498942093324559 // 10000^(-2/64)
		}
		for j := headWidth; j < stride; j++ {
			m.set(h*stride+j, atConst, 2) // sigmoid(8)
		}
	}
}
