package tensor

// packRows packs h rows of n floats, row gives one, as a sliver of so many planes.
func packRows(k *splitKernel, dst []byte, planes, h, blocks, n int, tail *buffer, row func(i int) []float32) {
	size := planes * planeBytes
	if h < splitSide {
		clear(dst[:blocks*size])
	}
	whole := n / splitSide
	for i := range h {
		src, at := row(i), i/16*tileBytes+i%16*64
		if whole > 0 {
			_, _ = dst[(blocks-1)*size+at], src[whole*splitSide-1]
			k.row[planes](&dst[at], &src[0], whole, size)
		}
		if whole < blocks {
			t := tail.take(splitSide)
			clear(t[copy(t, src[whole*splitSide:n]):])
			k.row[planes](&dst[whole*size+at], &t[0], 1, size)
		}
	}
}

// packPanel packs panel i of the chunk.
func (s *splitProduct) packPanel(i int) {
	size := s.panelBytes()
	j := i * splitSide
	s.w.splitPanel(s.k, s.b[i*size:(i+1)*size], s.planes, s.j0+j, min(splitSide, s.nj-j), s.k0, s.nk)
}

// splitPanel packs rows j … j+n of w, columns k0 … k0+nk, as a panel.
func (w *Weight) splitPanel(k *kernel, dst []byte, planes, j, n, k0, nk int) {
	t := splitScratches.Get().(*splitScratch)
	defer splitScratches.Put(t)
	if w.inOut && w.order == nil {
		w.splitPairs(k, t, dst, planes, j, n, k0, nk)
		return
	}
	size := planes * planeBytes
	for at := 0; at < nk; at += splitStretch * splitSide {
		m := min(splitStretch*splitSide, nk-at)
		blocks := (m + splitSide - 1) / splitSide
		part := dst[at/splitSide*size:][:blocks*size]
		packRows(k.split, part, planes, n, blocks, m, &t.tail, func(i int) []float32 {
			if w.f32 != nil && !w.inOut {
				return w.f32[w.stored(j+i)*w.cols+k0+at:][:m]
			}
			return w.decoded(k, &t.row, j+i, k0+at, m)
		})
		k.split.turn(&part[0], blocks*planes*2)
	}
}

// decoded is n columns of logical row i from column k0 on, in to. What is stored in
// blocks is decoded by the whole block.
func (w *Weight) decoded(k *kernel, to *buffer, i, k0, n int) []float32 {
	l, _ := layoutOf(w.dtype)
	lo := k0 / l.block * l.block
	hi := (k0 + n + l.block - 1) / l.block * l.block
	row := to.take(hi - lo)
	w.part(k, row, i, lo)
	return row[k0-lo:][:n]
}

// splitPairs is splitPanel for a matrix that is stored transposed.
func (w *Weight) splitPairs(k *kernel, t *splitScratch, dst []byte, planes, j, n, k0, nk int) {
	rows := t.row.take(2 * splitSide)
	line := func(i int, to []float32) *float32 {
		if i < nk && n == splitSide && w.f32 != nil {
			return &w.f32[(k0+i)*w.ld+w.first+j : (k0+i)*w.ld+w.first+j+n][0]
		}
		clear(to)
		if i < nk {
			w.run(k, to[:n], k0+i, j)
		}
		return &to[0]
	}
	for i := 0; i < (nk+splitSide-1)/splitSide*splitSide; i += 2 {
		at := i/splitSide*planes*planeBytes + i%splitSide/2*64
		k.split.pair[planes](&dst[at], line(i, rows[:splitSide]), line(i+1, rows[splitSide:]), 1, 0)
	}
}
