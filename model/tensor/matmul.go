package tensor

import "fmt"

// Mat is a view of float32 memory as a matrix of Rows×Cols. Element (i, j) is
// Data[i·Stride + j], or Data[j·Stride + i] when Trans says that the matrix is
// stored transposed. Stride 0 means contiguous.
type Mat struct {
	Data       []float32
	Rows, Cols int
	Stride     int
	Trans      bool
}

// T is the transpose of m, over the same memory.
func (m Mat) T() Mat {
	m.Rows, m.Cols, m.Trans = m.Cols, m.Rows, !m.Trans
	return m
}

// checked fills in the stride and panics when Data cannot hold the matrix.
func (m Mat) checked(fn, what string) Mat {
	rows, cols := m.Rows, m.Cols
	if m.Trans {
		rows, cols = cols, rows
	}
	if m.Stride == 0 {
		m.Stride = cols
	}
	if rows < 0 || cols < 0 || m.Stride < cols {
		panic(fmt.Errorf("%w: %s: %s is %d×%d with a stride of %d", ErrShape, fn, what, m.Rows, m.Cols, m.Stride))
	}
	if rows > 0 && cols > 0 {
		checkLen(fn, what, len(m.Data), (rows-1)*m.Stride+cols)
	}
	return m
}

// MatMul is dst = a·b, or dst += a·b when acc is set (the product is added once),
// for a [M, K], b [K, N] and dst [M, N], any of them stored transposed. Work is
// shared by up to GOMAXPROCS goroutines; a row of dst depends, bit for bit, on its
// row of a, on b and on the kernel path only. dst must not overlap a or b. It
// panics when shapes do not fit.
func MatMul(dst, a, b Mat, acc bool) { matmul("MatMul", dst, a, b, acc, true) }

// MatMulSerial computes the same bits as MatMul on the calling goroutine, for use
// inside Parallel.
func MatMulSerial(dst, a, b Mat, acc bool) { matmul("MatMulSerial", dst, a, b, acc, false) }

func matmul(fn string, dst, a, b Mat, acc, threads bool) {
	dst, a, b = dst.checked(fn, "dst"), a.checked(fn, "a"), b.checked(fn, "b")
	checkSame(fn, "rows of b", b.Rows, a.Cols)
	checkSame(fn, "rows of dst", dst.Rows, a.Rows)
	checkSame(fn, "columns of dst", dst.Cols, b.Cols)
	if dst.Trans { // (a·b)ᵀ = bᵀ·aᵀ
		dst, a, b = dst.T(), b.T(), a.T()
	}
	g := gemms.Get().(*gemm)
	g.reset(active(), dst.Rows, dst.Cols, a.Cols)
	g.a, g.b = a, b
	g.c, g.ldc, g.add = dst.Data, dst.Stride, acc
	g.run(threads)
	g.free()
}
