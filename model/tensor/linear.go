package tensor

// Linear is y = x·Wᵀ: x is [n, Cols], y is [n, Rows], both row-major and
// contiguous. Work is shared by up to GOMAXPROCS goroutines. A row of y depends,
// bit for bit, on its row of x, on w and on the kernel path only. x and y must
// not overlap. It panics when a slice is too short.
func Linear(y, x []float32, n int, w *Weight) { linear("Linear", y, x, n, w, false) }

// LinearAdd is y += x·Wᵀ: what Linear computes is added to y once.
func LinearAdd(y, x []float32, n int, w *Weight) { linear("LinearAdd", y, x, n, w, true) }

func linear(fn string, y, x []float32, n int, w *Weight, add bool) {
	checkLen(fn, "n", n, 0)
	checkLen(fn, "x", len(x), n*w.cols)
	checkLen(fn, "y", len(y), n*w.rows)
	g := gemms.Get().(*gemm)
	g.reset(active(), n, w.rows, w.cols)
	g.a = Mat{Data: x, Rows: n, Cols: w.cols, Stride: w.cols}
	g.w = w
	g.c, g.ldc, g.add = y, w.rows, add
	g.run(true)
	g.free()
}
