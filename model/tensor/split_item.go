package tensor

// item multiplies some rows with some panels of the chunk, a run of k at a time.
func (s *splitProduct) item(q int) {
	t := splitScratches.Get().(*splitScratch)
	defer splitScratches.Put(t)
	first, p0 := q/s.groups*s.rows, q%s.groups*s.width
	panels := (s.nj + splitSide - 1) / splitSide
	end := min(p0+s.width, panels)
	r := splitRange{splitProduct: s, t: t, i: first, rows: min(s.rows, s.m-first)}
	for r.from = 0; r.from < s.blocks; r.from += s.depth {
		r.n = min(s.depth, s.blocks-r.from)
		r.pack()
		step := max(splitGroup/(r.n*s.planes*planeBytes), 1)
		for p := p0; p < end; p += step {
			for i := 0; i < r.rows; i += splitSide {
				r.multiply(i, p, min(step, end-p))
			}
		}
	}
}

// splitRange is the rows of an item and the run of k at hand.
type splitRange struct {
	*splitProduct
	t       *splitScratch
	i, rows int
	from, n int // blocks of k of the chunk
	a       []byte
}

// pack splits the run of the rows.
func (r *splitRange) pack() {
	size := r.n * 3 * planeBytes
	r.a = r.t.a.take((r.rows + splitSide - 1) / splitSide * size)
	kk, k0 := r.w.cols, r.k0+r.from*splitSide
	nk := min(r.n*splitSide, kk-k0)
	for i := 0; i < r.rows; i += splitSide {
		packRows(r.k.split, r.a[i/splitSide*size:][:size], 3, min(splitSide, r.rows-i), r.n, nk, &r.t.tail, func(h int) []float32 {
			at := (r.i+i+h)*kk + k0
			return r.x[at : at+nk]
		})
	}
}

// multiply computes 32 rows from i on by n panels from p on.
func (r *splitRange) multiply(i, p, n int) {
	ld, j := r.w.rows, p*splitSide
	h, width := min(splitSide, r.rows-i), min(n*splitSide, r.nj-j)
	c := r.dst[(r.i+i)*ld+r.j0+j:]
	add := r.k0+r.from > 0 || r.add && !r.aside
	dst, ldc := c, ld
	over := h < splitSide || width < n*splitSide
	if over {
		ldc = n * splitSide
		dst = r.t.c.take(splitSide * ldc)
	}
	r.panels(dst, ldc, i, p, n, add && !over)
	for y := 0; over && y < h; y++ {
		row, from := c[y*ld:y*ld+width], dst[y*ldc:][:width]
		if add {
			r.k.add(row, from)
		} else {
			copy(row, from)
		}
	}
}

// panels runs the micro-kernel on 32 rows from i on and n panels from p on.
func (r *splitRange) panels(c []float32, ldc, i, p, n int, add bool) {
	size, block := r.panelBytes(), r.planes*planeBytes
	a, b := r.a[i/splitSide*r.n*3*planeBytes:], r.b[p*size+r.from*block:]
	_, _, _ = a[r.n*3*planeBytes-1], b[(n-1)*size+r.n*block-1], c[(splitSide-1)*ldc+n*splitSide-1]
	r.k.split.panels[r.planes](r.n, n, &a[0], &b[0], size, &c[0], ldc, &r.t.sums[0], add)
}
