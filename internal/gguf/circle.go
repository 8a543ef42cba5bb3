package gguf

import "math"

// Numbers modulo 95 are written as points on circles: number n is, for each frequency f, the angle 2*pi*f*n/95. Adding
// numbers is then multiplying complex numbers, which a gated feed-forward layer computes exactly, and how alike two numbers
// are is a scalar product: 8 for equal ones, at most 2.19 for others. The frequencies are the best of 60,000 random choices.
const modulus = 95

var frequencies = [...]int{8, 13, 19, 28, 42, 43, 45, 46}

const codeWidth = 2 * len(frequencies) // cos, sin of each frequency

// code returns number n's cosines and sines.
func code(n int) [codeWidth]float32 {
	var c [codeWidth]float32
	for i, f := range frequencies {
		c[2*i], c[2*i+1] = turn(f*n, modulus)
	}
	return c
}

// turn returns cosine and sine of n/of of a full turn.
func turn(n, of int) (cos, sin float32) {
	n = ((n % of) + of) % of
	return angle(2 * math.Pi * float64(n) / float64(of))
}

// angle returns cosine and sine of x, at most some turns, to 22 bits. The series of the mathematics library may use other
// instructions on another CPU; here every step is rounded by a conversion, which forbids to fuse it with the next.
func angle(x float64) (cos, sin float32) {
	x -= float64(2 * math.Pi * math.Floor(x/(2*math.Pi)))
	term, c, s := 1.0, 0.0, 0.0
	for i := 0; i < 40; i++ {
		switch i % 4 {
		case 0:
			c += term
		case 1:
			s += term
		case 2:
			c -= term
		case 3:
			s -= term
		}
		term = float64(term*x) / float64(i+1)
	}
	return grid(c), grid(s)
}

func grid(x float64) float32 { return float32(math.Floor(float64(x*(1<<22))+0.5) / (1 << 22)) }
