package tensor

import (
	"runtime"
	"sync"
	"unsafe"
)

// Sizes of products by planes of bfloat16. Of them splitLeast and splitRun change results.
const (
	splitLeast = 160 // rows and columns that a weight has at least
	splitSide  = 32  // rows of a sliver, columns of a panel, steps of k of a block
	tileBytes  = 1 << 10
	planeBytes = 2 * tileBytes // a plane of a block of a sliver or a panel

	splitChunk   = 64        // blocks of k that panels are packed for at a time
	splitRun     = 18        // blocks of k of a run at most: its sum is added to that of the runs before
	splitPanels  = 16 << 20  // bytes of panels that are packed at a time
	splitSlivers = 700 << 10 // bytes of slivers that an item packs, and ...
	splitGroup   = 400 << 10 // ... of panels that it multiplies them with before the next
	splitStretch = 4         // blocks of a row that are packed before the next row's
)

// splitKernel multiplies float32 matrices by tiles of bfloat16. Every number is split
// into planes that add up to it exactly, each a bfloat16: three for 24 bits, h + m + l,
// m below 2⁻⁸ of h and l below 2⁻⁸ of m. A product of two numbers is the sum of
//
//	mm, mh, lh, hh, hm, hl
//
// whereas ml, lm and ll, below 2⁻²⁴ of it, are left out. Rows are packed in slivers of
// 32, columns in panels of 32; block i of either holds 32 steps of k, its planes one
// after the other, each two tiles of 16 rows, or columns.
type splitKernel struct {
	// panels multiplies blocks of a sliver, always of three planes, with those of n
	// panels, step bytes apart, of as many planes as its index: c[row·ldc + column],
	// overwritten or added to by way of sums, which has room for 32×32.
	panels [4]func(blocks, n int, a, b *byte, step int, c *float32, ldc int, sums *float32, add bool)
	// row splits 32·blocks floats of a row: a block's 32 go to dst + i·step.
	row [4]func(dst *byte, src *float32, blocks, step int)
	// pair splits 32·n floats each of steps k and k+1, 32 columns to dst + i·step.
	pair [4]func(dst *byte, even, odd *float32, n, step int)
	// turn transposes n tiles of 16×16 dwords.
	turn func(p *byte, n int)
}

// splitPlanes is how many planes hold the numbers of a type exactly.
func splitPlanes(dt DType) int {
	switch dt {
	case BF16:
		return 1
	case F16:
		return 2
	}
	return 3
}

// splits says whether products with w are computed by planes: by its shape alone.
func (k *kernel) splits(w *Weight) bool {
	return k.split != nil && w.rows >= splitLeast && w.cols >= splitLeast
}

// splitProduct is one product y (+)= x·Wᵀ under way.
type splitProduct struct {
	k       *kernel
	w       *Weight
	x, y    []float32
	m       int // rows of x and y
	planes  int // of w
	add     bool
	aside   bool      // sums are built elsewhere before they are added to y
	dst     []float32 // where: y, or sum
	sum     buffer
	workers int

	bbuf           byteBuffer
	b              []byte // packed panels of the chunk
	j0, nj         int    // columns of the chunk
	k0, nk, blocks int    // steps of k of the chunk, in blocks

	// A run has depth blocks of k. An item is so many rows by width panels; there are
	// groups of them beside each other.
	rows, width, depth, groups int

	packPanels, compute, addRow func(i int)
}

var splitProducts = sync.Pool{New: func() any {
	s := new(splitProduct)
	s.packPanels, s.compute, s.addRow = s.packPanel, s.item, s.addSum
	return s
}}

// splitLinear is Linear, or LinearAdd, by planes.
func splitLinear(k *kernel, y, x []float32, n int, w *Weight, add bool) {
	s := splitProducts.Get().(*splitProduct)
	s.k, s.w, s.planes, s.add = k, w, splitPlanes(w.dtype), add
	s.workers = runtime.GOMAXPROCS(0)
	step := max(n, 1)
	s.aside = add && w.cols > splitRun*splitSide
	if s.aside { // bounds what is summed elsewhere
		step = max(rowChunk/(4*w.rows), 1024)
	}
	for i := 0; i < n; i += step {
		s.m = min(step, n-i)
		s.x, s.y = x[i*w.cols:][:s.m*w.cols], y[i*w.rows:][:s.m*w.rows]
		s.run()
	}
	s.w, s.x, s.y, s.dst, s.b = nil, nil, nil, nil, nil
	splitProducts.Put(s)
}

// run computes the product by the chunk of columns and, within it, of k.
func (s *splitProduct) run() {
	n, kk := s.w.rows, s.w.cols
	all := (kk + splitSide - 1) / splitSide
	runs := (all + splitRun - 1) / splitRun
	s.depth = (all + runs - 1) / runs
	chunk := splitChunk / s.depth * s.depth
	step := max(splitPanels/(min(chunk, all)*s.planes*planeBytes), 1) * splitSide
	s.dst = s.y
	if s.aside {
		s.dst = s.sum.take(s.m * n)
	}
	for s.j0 = 0; s.j0 < n; s.j0 += step {
		s.nj = min(step, n-s.j0)
		for first := 0; first < all; first += chunk {
			s.blocks = min(chunk, all-first)
			s.k0 = first * splitSide
			s.nk = min(s.blocks*splitSide, kk-s.k0)
			s.chunk()
		}
	}
	if s.aside {
		Parallel(s.m, s.addRow)
	}
}

func (s *splitProduct) addSum(i int) {
	n := s.w.rows
	s.k.add(s.y[i*n:(i+1)*n], s.dst[i*n:(i+1)*n])
}

// chunk packs the panels at hand and multiplies all rows with them.
func (s *splitProduct) chunk() {
	panels := (s.nj + splitSide - 1) / splitSide
	s.b = s.bbuf.take(panels * s.panelBytes())
	Parallel(panels, s.packPanels)
	s.rows = max(splitSlivers/(s.depth*3*planeBytes), 1) * splitSide
	blocks := (s.m + s.rows - 1) / s.rows
	s.groups = 1
	for s.workers > 1 && blocks*s.groups < 4*s.workers && s.groups < panels {
		s.groups *= 2
	}
	s.width = (panels + s.groups - 1) / s.groups
	s.groups = (panels + s.width - 1) / s.width
	Parallel(blocks*s.groups, s.compute)
}

// panelBytes is the size of a packed panel.
func (s *splitProduct) panelBytes() int { return s.blocks * s.planes * planeBytes }

// splitScratches hold the memory of one goroutine's part of a product.
var splitScratches = sync.Pool{New: func() any { return new(splitScratch) }}

type splitScratch struct {
	a    byteBuffer // packed rows
	c    buffer     // sums of micro-kernels that hang over the edge or are added
	row  buffer     // decoded weights
	tail buffer     // the last numbers of a row
	sums [splitSide * splitSide]float32
}

// byteBuffer is a buffer of bytes.
type byteBuffer struct{ floats buffer }

// take returns n bytes of any content, aligned to 64, on huge pages where there are
// many of them: a product goes through more pages than a processor remembers.
func (b *byteBuffer) take(n int) []byte {
	had := cap(b.floats.data)
	f := b.floats.take((n + 3) / 4)
	if cap(b.floats.data) != had {
		adviseHuge(b.floats.data[:cap(b.floats.data)])
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), n)
}
