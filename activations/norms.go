package activations

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"agar/model/tensor"
)

// norms are the L2 norms of all rows of a hook. They are computed once, by the
// first who needs them, and kept: 4 bytes a row.
type norms struct {
	once   sync.Once
	values []float32
	median float64
	err    error
}

// normsOf gives the norms of a hook, computing them when nobody has yet.
func (s *Store) normsOf(hook string) (*norms, error) {
	h, err := s.hook(hook)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	n := s.norms[hook]
	if n == nil {
		n = &norms{}
		s.norms[hook] = n
	}
	s.mu.Unlock()
	n.once.Do(func() { n.compute(h) })
	return n, n.err
}

// Norms is the L2 norm of every row of a hook and their median. The slice is the
// store's own.
func (s *Store) Norms(hook string) (norms []float32, median float64, err error) {
	n, err := s.normsOf(hook)
	if err != nil {
		return nil, 0, err
	}
	return n.values, n.median, nil
}

func (n *norms) compute(h *hookRows) {
	n.values = make([]float32, h.s.rows)
	errs := make([]error, len(h.s.batches))
	tensor.Parallel(len(h.s.batches), func(i int) {
		b := &h.s.batches[i]
		errs[i] = h.batchNorms(n.values[b.start:][:b.rows], b)
	})
	for _, err := range errs {
		if err != nil {
			n.err = fmt.Errorf("activations: %s: %w", h.s.dir, err)
			return
		}
	}
	n.median = median(n.values)
}

func (h *hookRows) batchNorms(dst []float32, b *storeBatch) error {
	raw, err := b.shard.values(b.index, h.col, &h.s.cache)
	if err != nil {
		return err
	}
	row, size := make([]float32, h.c.Dim), h.c.rowBytes()
	for i := range dst {
		h.c.decode(row, raw[i*size:(i+1)*size])
		dst[i] = float32(math.Sqrt(tensor.SumSq(row)))
		if !(dst[i] <= math.MaxFloat32) {
			return fmt.Errorf("%s: row %d of hook %s has the norm %v", b.shard.name, b.start-b.shard.firstRow(h.s)+int64(i), h.c.Name, dst[i])
		}
	}
	return nil
}

// firstRow is where the shard starts in the store.
func (s *shard) firstRow(st *Store) int64 {
	i := slices.IndexFunc(st.batches, func(b storeBatch) bool { return b.shard == s })
	return st.batches[i].start
}

// median is that of numpy: the mean of the two middle ones of an even number, 0
// of none.
func median(x []float32) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	n := len(s)
	return (float64(s[(n-1)/2]) + float64(s[n/2])) / 2
}
