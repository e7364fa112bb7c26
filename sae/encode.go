package sae

import (
	"agar/model/tensor"
)

// tileBytes bounds the pre-activations that are held at once.
const tileBytes = 16 << 20

// minTileRows is the fewest rows of a tile, however wide the dictionary: below
// it the encoder's weights would be packed for too little work.
const minTileRows = 64

// Stream encodes many batches with one SAE. It keeps the encoder's weights
// packed for the kernels (as much memory again as WEnc) and the buffers of a
// tile, so that its Encode allocates nothing once warm. Between calls the SAE's
// weights must not change. One goroutine at a time may use it.
type Stream struct {
	s     *SAE
	w     *tensor.Weight
	tile  int       // rows
	in    []float32 // [tile, DIn], when β = 1
	pre   []float32 // [tile, DSAE]
	parts []Builder
}

// Stream returns an encoder for repeated use.
func (s *SAE) Stream() *Stream {
	st := s.oneOff()
	st.w.Keep(tensor.NewPanels(8 * int64(len(s.WEnc))))
	return st
}

func (s *SAE) oneOff() *Stream {
	return &Stream{
		s: s, w: tensor.WeightF32(s.DSAE, s.DIn, s.WEnc),
		tile: max(tileBytes/(4*s.DSAE), minTileRows),
	}
}

// Encode writes the features of x [n, DIn] into dst. Pre-activations are held
// for a bounded number of rows at a time.
func (s *SAE) Encode(dst *Codes, x []float32, n int) { s.oneOff().Encode(dst, x, n) }

// PreActs writes pre = W_enc·(x − β·b_dec) + b_enc of x [n, DIn] into dst
// [n, DSAE], before any activation function.
func (s *SAE) PreActs(dst, x []float32, n int) {
	mustFit("x", len(x), n*s.DIn)
	mustFit("dst", len(dst), n*s.DSAE)
	st := s.oneOff()
	st.tiles(n, func(from, rows int) {
		st.preActs(dst[from*s.DSAE:(from+rows)*s.DSAE], x[from*s.DIn:(from+rows)*s.DIn], rows)
	})
}

// Encode writes the features of x [n, DIn] into dst.
func (st *Stream) Encode(dst *Codes, x []float32, n int) {
	mustFit("x", len(x), n*st.s.DIn)
	dst.Reset()
	st.tiles(n, func(from, rows int) {
		st.pre = grow(st.pre, rows*st.s.DSAE)
		st.preActs(st.pre, x[from*st.s.DIn:(from+rows)*st.s.DIn], rows)
		st.sparsify(dst, rows)
	})
}

// tiles calls f for consecutive spans of at most a tile's rows.
func (st *Stream) tiles(n int, f func(from, rows int)) {
	for from := 0; from < n; from += st.tile {
		f(from, min(st.tile, n-from))
	}
}

// preActs is PreActs for one tile.
func (st *Stream) preActs(dst, x []float32, rows int) {
	s := st.s
	if s.ApplyBDecToInput {
		st.in = grow(st.in, len(x))
		for i, v := range x {
			st.in[i] = v - s.BDec[i%s.DIn]
		}
		x = st.in
	}
	tensor.Linear(dst, x, rows, st.w)
	tensor.Parallel(rows, func(r int) { tensor.Add(dst[r*s.DSAE:(r+1)*s.DSAE], s.BEnc) })
}

// sparseRows is how many rows of a tile one goroutine sparsifies at a time.
const sparseRows = 16

// sparsify appends the features of the tile's rows to dst.
func (st *Stream) sparsify(dst *Codes, rows int) {
	n := chunks(rows, sparseRows)
	for len(st.parts) < n {
		st.parts = append(st.parts, Builder{})
	}
	tensor.Parallel(n, func(j int) {
		st.part(&st.parts[j], j*sparseRows, min((j+1)*sparseRows, rows))
	})
	for j := range n {
		st.parts[j].AppendTo(dst)
	}
}

// part collects the features of rows [from, to) of the tile.
func (st *Stream) part(p *Builder, from, to int) {
	p.Reset()
	for r := from; r < to; r++ {
		pre := st.pre[r*st.s.DSAE : (r+1)*st.s.DSAE]
		switch st.s.Arch {
		case ArchJumpReLU:
			jumpReLU(p, pre, st.s.Threshold)
		case ArchTopK:
			topK(p, pre, st.s.K)
		default:
			standard(p, pre)
		}
		p.EndRow()
	}
}

// grow returns s with length n, its contents undefined.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
