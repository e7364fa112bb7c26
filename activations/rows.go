package activations

import (
	"context"
	"slices"
)

// Rows is a block of N rows of D values with where each came from. Callers keep
// one and pass it to Next again and again; its slices are reused, so whoever
// wants to keep values past the next call copies them.
//
// A source of bare numbers (an .npy file) leaves Token, Doc, Window, Pos and Role
// empty.
type Rows struct {
	N, D  int
	X     []float32 // [N, D] row-major
	Index []int64   // row in the store or file
	Token []int32   // token id
	Doc   []int32   // document in the data
	Window,
	Pos []int32 // window of the document, position in the forward
	Role []uint8
}

// resize makes room for n rows of d values; what was there is lost.
func (r *Rows) resize(n, d int, provenance bool) {
	r.N, r.D = n, d
	r.X = sized(r.X, n*d)
	r.Index = sized(r.Index, n)
	if !provenance {
		n = 0
	}
	r.Token, r.Doc = sized(r.Token, n), sized(r.Doc, n)
	r.Window, r.Pos = sized(r.Window, n), sized(r.Pos, n)
	r.Role = sized(r.Role, n)
}

func sized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// Row is the activation of row i, a slice of X.
func (r *Rows) Row(i int) []float32 { return r.X[i*r.D : (i+1)*r.D] }

// Source hands out rows, block by block.
type Source interface {
	// Dim is the width D of a row.
	Dim() int
	// Next fills dst with the next rows, at least one and at most max, which
	// must be positive. At the end it returns io.EOF and dst.N is 0. Not for use
	// by several goroutines at once.
	Next(ctx context.Context, dst *Rows, max int) error
}

// Seeker is the ability of a Source to go to any of its rows. Every Source of
// this package has it.
type Seeker interface {
	// Len is the number of rows from beginning to end.
	Len() int64
	// SeekRow makes row the next one, 0 ≤ row ≤ Len, counted in the order in which
	// the source hands rows out.
	SeekRow(row int64) error
}
