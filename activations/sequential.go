package activations

import (
	"context"
	"fmt"
	"io"
)

// Source hands out the rows of a hook that f keeps, in the order of the store.
// It is a Seeker, and says what the filter left out through Left.
func (s *Store) Source(hook string, f Filter) (Source, error) {
	h, err := s.hook(hook)
	if err != nil {
		return nil, err
	}
	mask, left, err := s.Kept(hook, f)
	if err != nil {
		return nil, err
	}
	return &sequential{m: h, sel: newSelection(mask), left: left}, nil
}

// Lefter is the ability of a Source to say what its filter left out.
type Lefter interface {
	Left() LeftOut
}

// sequential hands out a selection of rows in order.
type sequential struct {
	m    matrix
	sel  *selection
	left LeftOut
	row  int64 // where to look for the next one
	idx  []uint32
}

func (q *sequential) Dim() int      { return q.m.dim() }
func (q *sequential) Len() int64    { return q.sel.n }
func (q *sequential) Left() LeftOut { return q.left }

func (q *sequential) SeekRow(row int64) error {
	if row < 0 || row > q.sel.n {
		return fmt.Errorf("activations: seek to row %d of %d", row, q.sel.n)
	}
	q.row = q.sel.row(row)
	return nil
}

func (q *sequential) Next(ctx context.Context, dst *Rows, max int) error {
	dst.N = 0
	if err := checkNext(ctx, max); err != nil {
		return err
	}
	q.idx = q.idx[:0]
	for q.row < q.m.len() && len(q.idx) < max {
		to := min(q.row+int64(max-len(q.idx)), q.m.len())
		q.idx = q.sel.appendRows(q.idx, q.row, to)
		q.row = to
	}
	if len(q.idx) == 0 {
		return io.EOF
	}
	return q.m.gather(dst, q.idx)
}

func checkNext(ctx context.Context, max int) error {
	if max < 1 {
		return fmt.Errorf("activations: asked for %d rows, expected at least 1", max)
	}
	return ctx.Err()
}
