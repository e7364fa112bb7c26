package tensor

import (
	"runtime"
	"sync"
)

// Sizes of the driver. None of them changes a result: what is summed in which
// order is fixed by the path's kc and the number of columns alone.
const (
	serialFlops = 1 << 20  // products below this stay on the calling goroutine
	rowChunk    = 16 << 20 // bytes of rows of a that are packed at a time
	panelChunk  = 4 << 20  // bytes of panels that are packed at a time
	itemCols    = 256      // columns of dst that one unit of work covers, about
	packSlivers = 8        // slivers that are packed together
	packSteps   = 128      // steps of k that they are packed for at a time
)

// gemm is one product dst (+)= a·b under way, b being a Mat or the transpose of a
// Weight. It lives in a pool, with the functions it hands to Parallel bound once,
// so that a product allocates nothing.
type gemm struct {
	k         *kernel
	m, n, kk  int // dst is [m, n], the sum runs over kk
	a, b      Mat
	w         *Weight
	c         []float32
	ldc       int
	add       bool
	threads   bool
	blocks    int // runs of k
	kc        int // length of a run, the last may be shorter
	abuf      buffer
	bbuf      buffer
	ap        []float32 // packed rows of the row chunk
	bp        []float32 // packed panels of the column chunk; nil: packed by the item
	i0, rows  int       // the row chunk
	p0, pans  int       // the panel chunk
	mc, group int       // an item: rows, panels
	rowItems  int

	packRows, packPanels, compute func(i int)
}

var gemms = sync.Pool{New: func() any {
	g := new(gemm)
	g.packRows, g.packPanels, g.compute = g.packGroup, g.packPanel, g.item
	return g
}}

// reset starts a product of the given shape on path k.
func (g *gemm) reset(k *kernel, m, n, kk int) {
	g.k, g.m, g.n, g.kk = k, m, n, kk
	g.w, g.b = nil, Mat{}
	g.blocks = max((kk+k.kc-1)/k.kc, 1)
	g.kc = (kk + g.blocks - 1) / g.blocks
}

// free lets go of the operands and gives g back to the pool.
func (g *gemm) free() {
	g.a, g.b, g.w, g.c, g.ap, g.bp = Mat{}, Mat{}, nil, nil, nil, nil
	gemms.Put(g)
}

// each runs f(0 … n−1), on several goroutines where that pays.
func (g *gemm) each(n int, f func(i int)) {
	if g.threads {
		Parallel(n, f)
		return
	}
	for i := range n {
		f(i)
	}
}

// run computes the product.
func (g *gemm) run(threads bool) {
	if g.m == 0 || g.n == 0 {
		return
	}
	if g.kk == 0 {
		g.zero()
		return
	}
	g.threads = threads && 2*float64(g.m)*float64(g.n)*float64(g.kk) >= serialFlops
	var kept []float32
	if g.w != nil {
		kept = g.w.kept(g.k)
	}
	all := (g.n + g.k.nr - 1) / g.k.nr
	step := g.chunkRows()
	for g.i0 = 0; g.i0 < g.m; g.i0 += step {
		g.rows = min(step, g.m-g.i0)
		g.packA()
		g.split(all)
		if kept != nil || g.rowItems == 1 {
			g.p0, g.pans, g.bp = 0, all, kept
			g.items()
			continue
		}
		g.chunks(all)
	}
}

// chunkRows is how many rows are packed at a time, a whole number of blocks.
func (g *gemm) chunkRows() int { return max(rowChunk/(4*g.kk)/g.k.mc, 1) * g.k.mc }

// chunks packs and multiplies the panels by the chunk.
func (g *gemm) chunks(all int) {
	size := g.k.nr * g.kk
	step := max(panelChunk/(4*size)/g.group, 1) * g.group
	for g.p0 = 0; g.p0 < all; g.p0 += step {
		g.pans = min(step, all-g.p0)
		g.bp = g.bbuf.take(g.pans * size)
		g.each(g.pans, g.packPanels)
		g.items()
	}
}

// items computes the rows×panels at hand.
func (g *gemm) items() { g.each(g.rowItems*((g.pans+g.group-1)/g.group), g.compute) }

// split chooses the size of an item, small enough that every goroutine gets some.
func (g *gemm) split(all int) {
	mr := g.k.heights[0]
	g.mc, g.group = min(g.k.mc, (g.rows+mr-1)/mr*mr), max(itemCols/g.k.nr, 1)
	workers := 1
	if g.threads {
		workers = runtime.GOMAXPROCS(0)
	}
	g.rowItems = (g.rows + g.mc - 1) / g.mc
	for workers > 1 && g.group > 1 && g.rowItems*((all+g.group-1)/g.group) < 4*workers {
		g.group = (g.group + 1) / 2
	}
}

// zero is the product of matrices with nothing to sum over.
func (g *gemm) zero() {
	for i := 0; i < g.m && !g.add; i++ {
		clear(g.c[i*g.ldc : i*g.ldc+g.n])
	}
}

// packA packs the row chunk; a single contiguous row is used as it lies.
func (g *gemm) packA() {
	if g.m == 1 && !g.a.Trans {
		g.ap = g.a.Data[:g.kk]
		return
	}
	mr := g.k.heights[0]
	slivers := (g.rows + mr - 1) / mr
	g.ap = g.abuf.take(slivers * mr * g.kk)
	g.each((slivers+packSlivers-1)/packSlivers, g.packRows)
}

// packGroup packs group q of slivers, a stretch of k at a time, so that the cache
// lines which neighbours share are read once when a is stored transposed.
func (g *gemm) packGroup(q int) {
	mr := g.k.heights[0]
	first := q * packSlivers * mr
	for k0 := 0; k0 < g.kk; k0 += packSteps {
		n := min(packSteps, g.kk-k0)
		for i := first; i < min(first+packSlivers*mr, g.rows); i += mr {
			g.packSliver(i, k0, n)
		}
	}
}

// packSliver packs n steps from k0 on of the sliver that starts at row i of the
// row chunk: full slivers at the greatest height, the last at the smallest that
// holds it, filled up with zeros.
func (g *gemm) packSliver(i, k0, n int) {
	h := min(g.k.heights[0], g.rows-i)
	hk := g.k.height(h)
	packMat(g.k, g.ap[i*g.kk+k0*hk:][:n*hk], g.a, g.i0+i, k0, h, hk)
}

// packPanel packs panel i of the panel chunk.
func (g *gemm) packPanel(i int) {
	size := g.k.nr * g.kk
	g.panelInto(g.bp[i*size:(i+1)*size], g.p0+i)
}

// panelInto packs panel p of b to dst.
func (g *gemm) panelInto(dst []float32, p int) {
	if g.w != nil {
		g.w.pack(g.k, dst, p)
		return
	}
	j := p * g.k.nr
	packMat(g.k, dst, g.b.T(), j, 0, min(g.k.nr, g.n-j), g.k.nr)
}

// packMat fills dst with dst[k·step + row] from rows i … i+h−1 of m, columns k0
// on, and zeros for the rows that are missing.
func packMat(k *kernel, dst []float32, m Mat, i, k0, h, step int) {
	n := len(dst) / step
	if h < step {
		clear(dst)
	}
	switch {
	case !m.Trans:
		k.interleave(dst, m.Data[i*m.Stride+k0:], h, n, m.Stride, step)
	case h == step:
		k.stripes(dst, m.Data[k0*m.Stride+i:], h, n, m.Stride)
	default:
		for c := range n {
			copy(dst[c*step:c*step+h], m.Data[(k0+c)*m.Stride+i:])
		}
	}
}
