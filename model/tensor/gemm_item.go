package tensor

// item computes one unit of work: mc rows by group panels of the chunks at hand.
func (g *gemm) item(q int) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	i := q % g.rowItems * g.mc
	p := q / g.rowItems * g.group
	b := block{gemm: g, s: s, i: i, rows: min(g.mc, g.rows-i), p: p, pans: min(g.group, g.pans-p)}
	switch {
	case g.bp == nil:
		b.packing()
	case b.rows == 1 && g.k.row4 != nil:
		b.single()
	default:
		b.sum(g.bp[p*g.k.nr*g.kk:])
	}
}

// block is the part of dst that an item computes: rows from i on in the row
// chunk, pans panels from p on in the panel chunk.
type block struct {
	*gemm
	s       *scratch
	i, rows int
	p, pans int
}

// packing packs each panel just before it is used, into memory that stays in
// this core's cache.
func (b *block) packing() {
	size := b.k.nr * b.kk
	first, n := b.p, b.pans
	b.pans = 1
	panel := b.s.panel.take(size)
	for ; b.p < first+n; b.p++ {
		b.panelInto(panel, b.p0+b.p)
		b.sum(panel)
	}
}

// sum adds up the runs of k over the packed panels bp. The first run is stored,
// the others are added. When the product is to be added to what dst holds and
// there are several runs, they are summed elsewhere first.
func (b *block) sum(bp []float32) {
	j := (b.p0 + b.p) * b.k.nr
	width := min(b.pans*b.k.nr, b.n-j)
	dst, ld := b.c[(b.i0+b.i)*b.ldc+j:], b.ldc
	aside := b.add && b.blocks > 1
	if aside {
		ld = b.pans * b.k.nr
		dst = b.s.sum.take(b.rows * ld)
	}
	for k0 := 0; k0 < b.kk; k0 += b.kc {
		kc := min(b.kc, b.kk-k0)
		add := k0 > 0 || b.add && !aside
		for p := range b.pans {
			panel := bp[(p*b.kk+k0)*b.k.nr:][:kc*b.k.nr]
			b.column(dst[p*b.k.nr:], ld, panel, k0, kc, min(b.k.nr, width-p*b.k.nr), add)
		}
	}
	for r := 0; aside && r < b.rows; r++ {
		b.k.add(b.c[(b.i0+b.i+r)*b.ldc+j:][:width], dst[r*ld:][:width])
	}
}

// column computes one panel for all rows of the block: kc steps of k from k0 on,
// width valid columns.
func (b *block) column(dst []float32, ld int, panel []float32, k0, kc, width int, add bool) {
	mr, nr := b.k.heights[0], b.k.nr
	for r := 0; r < b.rows; r += mr {
		h := min(mr, b.rows-r)
		hk := b.k.height(h)
		a := b.ap[(b.i+r)*b.kk+k0*hk:][:kc*hk]
		c := dst[r*ld:]
		if h == hk && width == nr {
			b.k.tile[h](kc, a, panel, c, ld, add)
			continue
		}
		t := b.s.edge.take(mr * nr)
		b.k.tile[hk](kc, a, panel, t, nr, false)
		for y := range h {
			place(c[y*ld:y*ld+width], t[y*nr:], add)
		}
	}
}

// place stores or adds the first len(dst) elements of src.
func place(dst, src []float32, add bool) {
	if !add {
		copy(dst, src)
		return
	}
	for j := range dst {
		dst[j] += src[j]
	}
}

// single computes one row, four panels at a time where there are as many.
func (b *block) single() {
	nr, size := b.k.nr, b.k.nr*b.kk
	p, n := b.p, b.pans
	for ; n >= 4 && (b.p0+p+4)*nr <= b.n; p, n = p+4, n-4 {
		b.four(b.bp[p*size:], (b.p0+p)*nr)
	}
	if n > 0 {
		b.p, b.pans = p, n
		b.sum(b.bp[p*size:])
	}
}

// four computes the four panels bp of a row, columns from j on.
func (b *block) four(bp []float32, j int) {
	nr := b.k.nr
	row := b.c[(b.i0+b.i)*b.ldc+j:][:4*nr]
	dst := row
	aside := b.add && b.blocks > 1
	if aside {
		dst = b.s.edge.take(4 * nr)
	}
	for k0 := 0; k0 < b.kk; k0 += b.kc {
		kc := min(b.kc, b.kk-k0)
		add := k0 > 0 || b.add && !aside
		b.k.row4(kc, b.ap[b.i*b.kk+k0:][:kc], bp[k0*nr:], nr*b.kk, dst, add)
	}
	if aside {
		b.k.add(row, dst)
	}
}
