package activations

import "slices"

// Kept applies a filter to a hook: mask[i] says whether row i stays, and the
// rows that do not are counted by reason. Norms are computed for all rows
// whatever the other conditions, so that the median is the hook's own.
func (s *Store) Kept(hook string, f Filter) (mask []bool, left LeftOut, err error) {
	limit, values := float32(0), []float32(nil)
	left.Total = s.rows
	if m := f.maxNorm(); m > 0 {
		n, err := s.normsOf(hook)
		if err != nil {
			return nil, left, err
		}
		left.MedianNorm, limit, values = n.median, float32(m*n.median), n.values
	} else if _, err := s.column(hook); err != nil {
		return nil, left, err
	}
	special := map[int32]bool{}
	if !f.KeepSpecial {
		for _, id := range s.content.Special {
			special[id] = true
		}
	}
	mask = make([]bool, s.rows)
	for _, b := range s.batches {
		for i := range b.rows {
			row := b.start + int64(i)
			switch {
			case special[b.token[i]]:
				left.Special++
			case f.Roles != nil && !slices.Contains(f.Roles, b.role[i]):
				left.Role++
			case values != nil && values[row] > limit:
				left.Norm++
			default:
				mask[row] = true
			}
		}
	}
	return mask, left, nil
}

// selection is the rows a filter keeps, with counts that make any of them easy to
// find.
type selection struct {
	mask   []bool  // nil keeps all
	before []int64 // rows kept before row i<<selShift
	n      int64
}

const selShift = 12

func selectAll(rows int64) *selection { return &selection{n: rows} }

func newSelection(mask []bool) *selection {
	s := &selection{mask: mask}
	for i, keep := range mask {
		if i&(1<<selShift-1) == 0 {
			s.before = append(s.before, s.n)
		}
		if keep {
			s.n++
		}
	}
	return s
}

// row is the k-th row kept; k = n gives the end.
func (s *selection) row(k int64) int64 {
	if s.mask == nil {
		return k
	}
	if k >= s.n {
		return int64(len(s.mask))
	}
	// The block is the last with before ≤ k.
	b, found := slices.BinarySearch(s.before, k)
	if !found {
		b--
	}
	for b+1 < len(s.before) && s.before[b+1] <= k {
		b++
	}
	row, left := int64(b)<<selShift, k-s.before[b]
	for ; ; row++ {
		if s.mask[row] {
			if left == 0 {
				return row
			}
			left--
		}
	}
}

// appendRows appends the rows kept in [from, to) to dst.
func (s *selection) appendRows(dst []uint32, from, to int64) []uint32 {
	for row := from; row < to; row++ {
		if s.mask == nil || s.mask[row] {
			dst = append(dst, uint32(row))
		}
	}
	return dst
}
