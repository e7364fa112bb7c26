package features

import (
	"context"
	"errors"
	"fmt"
	"io"

	"agar/activations"
	"agar/sae"
)

// blockRows is how many rows are encoded at a time, about: blocks end with a
// window.
const blockRows = 4096

// block is a run of whole windows with the features of its rows. Row i of it is
// row first+i of the store.
type block struct {
	first  int64
	keep   []bool
	window []int32 // for each row, the block's row at which its window begins
	codes  sae.Codes
	x      []float32 // activations of the rows kept, one after the other
	n      int       // rows
}

// reader cuts a store into blocks and encodes them.
type reader struct {
	src    activations.Source // all rows, in order
	keep   []bool             // of the store
	stream *sae.Stream
	rows   activations.Rows
	at     int // next row of rows
	kept   sae.Codes
}

// newReader reads the rows of a hook; those that the filter leaves out come too,
// without features.
func newReader(s *sae.SAE, store *activations.Store, hook string, keep []bool) (*reader, error) {
	all := activations.Filter{KeepSpecial: true, MaxNorm: -1}
	src, err := store.Source(hook, all)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	if src.Dim() != s.DIn {
		return nil, fmt.Errorf("features: hook %s has width %d, the dictionary has d_in %d", hook, src.Dim(), s.DIn)
	}
	return &reader{src: src, keep: keep, stream: s.Stream()}, nil
}

// next fills b with the next block; io.EOF at the end.
func (r *reader) next(ctx context.Context, b *block) error {
	b.first, b.n = b.first+int64(b.n), 0
	b.keep, b.window, b.x = b.keep[:0], b.window[:0], b.x[:0]
	for {
		if r.at == r.rows.N {
			r.at = 0 // the end leaves no rows, so that r.at is r.rows.N there too
			err := r.src.Next(ctx, &r.rows, blockRows)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("features: read activations: %w", err)
			}
		}
		if r.rows.Pos[r.at] == 0 && b.n >= blockRows {
			break
		}
		r.take(b)
	}
	if b.n == 0 {
		return io.EOF
	}
	r.encode(b)
	return nil
}

// take moves one row into b.
func (r *reader) take(b *block) {
	i := r.at
	start := int32(b.n)
	if r.rows.Pos[i] > 0 && b.n > 0 {
		start = b.window[b.n-1]
	}
	keep := r.keep[r.rows.Index[i]]
	b.keep, b.window = append(b.keep, keep), append(b.window, start)
	if keep {
		b.x = append(b.x, r.rows.Row(i)...)
	}
	b.n++
	r.at++
}

// encode fills the block's codes, with empty rows for those left out.
func (r *reader) encode(b *block) {
	kept := 0
	for _, k := range b.keep {
		if k {
			kept++
		}
	}
	r.stream.Encode(&r.kept, b.x, kept)
	b.codes.Reset()
	row := 0
	for _, k := range b.keep {
		if !k {
			b.codes.Append(nil, nil)
			continue
		}
		b.codes.Append(r.kept.Row(row))
		row++
	}
}
