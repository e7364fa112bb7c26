package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"agar/activations"
)

// feed fills batches from the rows that are trained on, epoch after epoch.
type feed struct {
	data     Data
	seed     uint64
	cut      int64 // rows of this index and above are held out
	epoch    int
	consumed int64 // rows of the epoch's source that were handed out, held out or not
	src      activations.Source
	rows     activations.Rows
}

// open opens the epoch at the row that consumed names.
func (f *feed) open() error {
	src, err := f.data.Shuffled(f.seed + uint64(f.epoch))
	if err != nil {
		return err
	}
	seek, err := seeker(src)
	if err != nil {
		return err
	}
	f.src = src
	return seek.SeekRow(f.consumed)
}

// fill reads len(x)/dim rows into x.
func (f *feed) fill(ctx context.Context, x []float32, dim int) error {
	filled, fruitless := 0, 0
	for filled < len(x) {
		if f.src == nil {
			if err := f.open(); err != nil {
				return err
			}
		}
		err := f.src.Next(ctx, &f.rows, (len(x)-filled)/dim)
		if errors.Is(err, io.EOF) {
			f.src, f.consumed = nil, 0
			f.epoch++
			if fruitless++; fruitless > 1 {
				return fmt.Errorf("train: an epoch had no rows to train on")
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("train: read activations: %w", err)
		}
		before := filled
		filled += f.take(x[filled:], dim)
		if filled > before {
			fruitless = 0
		}
	}
	return nil
}

// take copies the rows at hand that are not held out.
func (f *feed) take(x []float32, dim int) (filled int) {
	f.consumed += int64(f.rows.N)
	for i := range f.rows.N {
		if f.rows.Index[i] < f.cut {
			filled += copy(x[filled:], f.rows.Row(i)[:dim])
		}
	}
	return filled
}
