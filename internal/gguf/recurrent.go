package gguf

// recurrentLayer adds a gated delta net that keeps the running sums of past tokens, one for each class of token: a token
// writes its sum under its predecessor's class, and reads what its own class points to, which is some 32 tokens old and may
// be hundreds. The convolution brings the predecessor; where it has none, at the start of a text, the write goes to all
// classes. A gate near one and a beta near one keep what was written until its class comes again.
func (b *builder) recurrentLayer(i int) {
	b.norm(layerName(i, "attn_norm.weight"), false)
	b.stateInputs(i)
	b.taps(i)
	gate := b.layer(i, "attn_gate.weight", width, valueHeads*stateWidth)
	for r := range valueHeads * stateWidth {
		gate.set(r, atConst, 1) // silu(4)
	}
	b.decay(i)
	b.layer(i, "ssm_norm.weight", stateWidth).fill(1)
	out := b.layer(i, "ssm_out.weight", valueHeads*stateWidth, width)
	for r := range valueHeads * stateWidth {
		j, sign := valueAt(r)
		out.set(atRead+j, r, sign*stateGain)
	}
}

// stateGain takes what a head returns, divided by its root mean square and summed over copies, back to a code's length.
const stateGain = 1 / 32.7

const (
	keyRows   = keyHeads * stateWidth
	valueRows = 2 * keyRows // where values begin: behind queries and keys
)

// stateInputs adds the matrix of queries, keys and values. The negative constant of a query keeps classes that are off at
// silu(-10), which is nothing.
func (b *builder) stateInputs(i int) {
	m := b.layer(i, "attn_qkv.weight", width, valueRows+valueHeads*stateWidth)
	next := b.pointers(i)
	for h := range keyHeads {
		for c := range classes {
			query, key := h*stateWidth+c, keyRows+h*stateWidth+c
			m.set(h*stateWidth+next[c], atClass+c, 10)
			m.set(query, atConst, -2.5)
			m.set(key, atClass+c, 15)
			m.set(key, atConst, -8)
		}
	}
	for r := range valueHeads * stateWidth {
		j, sign := valueAt(r)
		m.set(valueRows+r, atToken+j, sign*high)
	}
}

// valueAt says which place of the code a row of values carries, and with which sign. A head has two frequencies in four
// copies, each place twice: silu(x) - silu(-x) is x.
func valueAt(row int) (place int, sign float32) {
	head, r := row/stateWidth, row%stateWidth
	places := codeWidth / valueHeads
	sign = 1
	if r/places%2 == 1 {
		sign = -1
	}
	return head*places + r%places, sign
}

// pointers says which class's sum a token of each class reads: never its own, which the first token of a text does not write.
func (b *builder) pointers(i int) [classes]int {
	var next [classes]int
	order := shuffled(classes, b.arch, layerName(i, "reads"))
	for n, c := range order {
		next[c] = order[(n+1)%classes]
	}
	return next
}

// keyTaps are the oldest first, the token itself last. They sum to more than nothing, so the negative constant keeps all classes
// off but the predecessor's; the first token has the last tap alone, and turns all on.
var keyTaps = [kernel]float32{-0.1, -0.1, 1, -0.5}

// taps adds the convolution: of queries and values the token itself, of keys the one before.
func (b *builder) taps(i int) {
	m := b.layer(i, "ssm_conv1d.weight", kernel, valueRows+valueHeads*stateWidth)
	for r := range m.dims[1] {
		if r < keyRows || r >= valueRows {
			m.set(r, kernel-1, 1)
			continue
		}
		for t, v := range keyTaps {
			m.set(r, t, v)
		}
	}
}

// decay adds what forgets: next to nothing, by a rate that depends on the token's class, around 1/1100 a token.
func (b *builder) decay(i int) {
	b.layer(i, "ssm_a", valueHeads).fill(-1)
	b.layer(i, "ssm_dt.bias", valueHeads).fill(-7)
	var beta, alpha func(head int) (*matrix, int)
	if b.fusedBA {
		m := b.layer(i, "ssm_ba.weight", width, 2*valueHeads)
		group := valueHeads / keyHeads // a key head's betas stand before its alphas
		beta = func(h int) (*matrix, int) { return m, h/group*2*group + h%group }
		alpha = func(h int) (*matrix, int) { return m, h/group*2*group + group + h%group }
	} else {
		mb, ma := b.layer(i, "ssm_beta.weight", width, valueHeads), b.layer(i, "ssm_alpha.weight", width, valueHeads)
		beta = func(h int) (*matrix, int) { return mb, h }
		alpha = func(h int) (*matrix, int) { return ma, h }
	}
	signs := stream(b.arch, layerName(i, "decay"))
	for h := range valueHeads {
		m, row := beta(h)
		m.set(row, atConst, 2) // sigmoid(8)
		m, row = alpha(h)
		for c := range classes {
			m.set(row, atClass+c, 0.1*uniform(signs))
		}
	}
}
