package tensor

// Linear is y = x·Wᵀ: x is [n, Cols], y is [n, Rows], both row-major and
// contiguous. Work is shared by up to GOMAXPROCS goroutines. A row of y depends,
// bit for bit, on its row of x, on w and on the kernel path only. x and y must
// not overlap. It panics when a slice is too short.
func Linear(y, x []float32, n int, w *Weight) { linear("Linear", active(), y, x, n, w, false) }

// LinearAdd is y += x·Wᵀ: what Linear computes is added to y once.
func LinearAdd(y, x []float32, n int, w *Weight) { linear("LinearAdd", active(), y, x, n, w, true) }

// Products are the products with weights as one kind of call computes them. The zero
// value computes on the path in use.
type Products struct{ k *kernel }

// Training is how training computes: on the path that [TrainingKernel] names. Forwards
// whose rows must have the bits of other forwards use the zero Products.
func Training() Products { return Products{training()} }

// Linear is [Linear] on the path of p.
func (p Products) Linear(y, x []float32, n int, w *Weight) {
	linear("Linear", p.path(), y, x, n, w, false)
}

// LinearAdd is [LinearAdd] on the path of p.
func (p Products) LinearAdd(y, x []float32, n int, w *Weight) {
	linear("LinearAdd", p.path(), y, x, n, w, true)
}

func (p Products) path() *kernel {
	if p.k == nil {
		return active()
	}
	return p.k
}

func linear(fn string, k *kernel, y, x []float32, n int, w *Weight, add bool) {
	checkLen(fn, "n", n, 0)
	checkLen(fn, "x", len(x), n*w.cols)
	checkLen(fn, "y", len(y), n*w.rows)
	if k.splits(w) {
		splitLinear(k, y, x, n, w, add)
		return
	}
	g := gemms.Get().(*gemm)
	g.reset(k, n, w.rows, w.cols)
	g.a = Mat{Data: x, Rows: n, Cols: w.cols, Stride: w.cols}
	g.w = w
	g.c, g.ldc, g.add = y, w.rows, add
	g.run(true)
	g.free()
}
