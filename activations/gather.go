package activations

import (
	"runtime"
	"sync/atomic"

	"agar/model/tensor"
)

// matrix is rows of one width that can be fetched in any order: a hook of a
// store, or an .npy file.
type matrix interface {
	len() int64
	dim() int
	rowBytes() int // on disk
	// gather fills dst with the rows of that index. Ascending neighbours are
	// fetched together.
	gather(dst *Rows, index []uint32) error
	// touch brings rows [from, to) into memory, in the order of the disk.
	touch(from, to int64)
}

// hookRows is one column of a store.
type hookRows struct {
	s   *Store
	col int
	c   Column
}

func (s *Store) hook(name string) (*hookRows, error) {
	col, err := s.column(name)
	if err != nil {
		return nil, err
	}
	return &hookRows{s, col, s.content.Columns[col]}, nil
}

func (h *hookRows) len() int64    { return h.s.rows }
func (h *hookRows) dim() int      { return h.c.Dim }
func (h *hookRows) rowBytes() int { return h.c.rowBytes() }

// gatherChunk is the rows one goroutine takes at a time: enough to hide the
// hand-over, few enough that two goroutines share a block of 512.
const gatherChunk = 128

func (h *hookRows) gather(dst *Rows, index []uint32) error {
	dst.resize(len(index), h.c.Dim, true)
	var failed atomic.Pointer[error]
	tensor.Parallel((len(index)+gatherChunk-1)/gatherChunk, func(k int) {
		from := k * gatherChunk
		to := min(from+gatherChunk, len(index))
		if err := h.copyRows(dst, index, from, to); err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	})
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// copyRows fetches index[from:to] into the same places of dst, runs of
// neighbours at once.
func (h *hookRows) copyRows(dst *Rows, index []uint32, from, to int) error {
	for i := from; i < to; {
		b, j := h.s.locate(int64(index[i]))
		n := 1
		for i+n < to && j+n < b.rows && index[i+n] == index[i]+uint32(n) {
			n++
		}
		raw, err := b.shard.values(b.index, h.col, &h.s.cache)
		if err != nil {
			return err
		}
		size := h.c.rowBytes()
		h.c.decode(dst.X[i*dst.D:(i+n)*dst.D], raw[j*size:(j+n)*size])
		for k := range n {
			dst.Index[i+k] = int64(index[i+k])
			dst.setProvenance(i+k, b.batch, j+k)
		}
		i += n
	}
	return nil
}

const pageSize = 4096

func (h *hookRows) touch(from, to int64) {
	for from < to {
		b, j := h.s.locate(from)
		n := int(min(to-from, int64(b.rows-j)))
		if b.codec == plain {
			size := h.c.rowBytes()
			sp := b.hooks[h.col]
			touchPages(b.shard.buf[sp.off+j*size:][:n*size])
		}
		from += int64(n)
	}
}

// touchPages reads a byte of every page.
func touchPages(b []byte) {
	var sum byte
	for i := 0; i < len(b); i += pageSize {
		sum += b[i]
	}
	runtime.KeepAlive(sum) // or the compiler would see that nobody needs it
}
