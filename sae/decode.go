package sae

import "agar/model/tensor"

// Decode writes the reconstructions x̂ = Σᵢ aᵢ·W_dec[i] + b_dec of c into dst
// [c.N, DIn]. Entries are added in the order of their index.
func (s *SAE) Decode(dst []float32, c *Codes) {
	mustFit("dst", len(dst), c.N*s.DIn)
	tensor.Parallel(chunks(c.N, decodeRows), func(j int) {
		for r := j * decodeRows; r < min((j+1)*decodeRows, c.N); r++ {
			s.decodeRow(dst[r*s.DIn:(r+1)*s.DIn], c, r)
		}
	})
}

// decodeRows is how many rows one goroutine takes at a time.
const decodeRows = 32

func (s *SAE) decodeRow(dst []float32, c *Codes, r int) {
	copy(dst, s.BDec)
	index, value := c.Row(r)
	for j, i := range index {
		tensor.Axpy(dst, value[j], s.Decoder(int(i)))
	}
}

// chunks is the number of pieces of at most size that n falls into.
func chunks(n, size int) int { return (n + size - 1) / size }
