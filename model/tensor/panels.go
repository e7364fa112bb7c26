package tensor

import "sync"

// Panels is a budget of memory for packed weights, shared by the Weights that
// were told to Keep theirs in it. It is safe for concurrent use.
type Panels struct {
	mu   sync.Mutex
	left int64
}

// NewPanels makes a budget of so many bytes; zero or less keeps nothing.
func NewPanels(budgetBytes int64) *Panels { return &Panels{left: budgetBytes} }

// Left is what remains of the budget, in bytes.
func (p *Panels) Left() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.left, 0)
}

// take reserves bytes and says whether there was room.
func (p *Panels) take(bytes int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bytes > p.left {
		return false
	}
	p.left -= bytes
	return true
}

// give returns bytes to the budget.
func (p *Panels) give(bytes int64) {
	p.mu.Lock()
	p.left += bytes
	p.mu.Unlock()
}

// packed is a weight in the panel layout of one kernel path: panel p holds the
// columns nr·p … of Wᵀ as data[p·cols·nr + k·nr + column], the last one filled
// up with zeros.
type packed struct {
	nr   int
	data []float32
}

func (p *packed) bytes() int64 { return 4 * int64(len(p.data)) }

// Keep lets w keep its packed panels in p: they are made at the first product and
// stay while the budget has room, otherwise each product packs anew. Results are
// the same, bit for bit. A nil p keeps nothing.
func (w *Weight) Keep(p *Panels) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
	w.panels = p
}

// PackedBytes is the size of the panels of w on the path in use.
func (w *Weight) PackedBytes() int64 {
	nr := active().nr
	return 4 * int64((w.rows+nr-1)/nr) * int64(nr) * int64(w.cols)
}

// drop releases the panels that w keeps. The caller holds mu.
func (w *Weight) drop() {
	if old := w.packed.Swap(nil); old != nil {
		w.panels.give(old.bytes())
	}
}

// kept is w in the panels of path k, or nil when there is no room to keep them.
func (w *Weight) kept(k *kernel) []float32 {
	if p := w.packed.Load(); p != nil && p.nr == k.nr {
		return p.data
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.packed.Load(); p != nil && p.nr == k.nr {
		return p.data
	}
	if w.panels == nil {
		return nil
	}
	w.drop()
	panels := (w.rows + k.nr - 1) / k.nr
	if !w.panels.take(4 * int64(panels*k.nr) * int64(w.cols)) {
		return nil
	}
	p := &packed{nr: k.nr, data: aligned(panels * k.nr * w.cols)}
	Parallel(panels, func(i int) { w.pack(k, p.data[i*k.nr*w.cols:(i+1)*k.nr*w.cols], i) })
	w.packed.Store(p)
	return p.data
}

// packChunk is how many columns of a row are decoded at a time while packing:
// eight of them stay in the L1 cache. A whole number of blocks of every type.
const packChunk = 256

// pack writes panel i of w to dst.
func (w *Weight) pack(k *kernel, dst []float32, i int) {
	j0 := i * k.nr
	cols := min(k.nr, w.rows-j0)
	if cols < k.nr {
		clear(dst[:w.cols*k.nr])
	}
	if w.inOut && w.order == nil {
		w.packInOut(k, dst, j0, cols)
		return
	}
	if w.f32 != nil && w.order == nil {
		k.interleave(dst, w.f32[j0*w.cols:], cols, w.cols, w.cols, k.nr)
		return
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	rows := s.edge.take(8 * packChunk)
	for k0 := 0; k0 < w.cols; k0 += packChunk {
		n := min(packChunk, w.cols-k0)
		for j := 0; j < cols; j += 8 {
			h := min(8, cols-j)
			for r := range h {
				w.part(k, rows[r*packChunk:r*packChunk+n], j0+j+r, k0)
			}
			k.interleave(dst[k0*k.nr+j:], rows, h, n, packChunk, k.nr)
		}
	}
}
