package tensor

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"
)

// fence is memory whose end is the end of a readable page: one byte further is a
// fault.
type fence struct{ mem []byte }

func newFence(t *testing.T, bytes int) *fence {
	t.Helper()
	page := syscall.Getpagesize()
	size := (bytes+page-1)/page*page + page
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(mem[size-page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return &fence{mem[: size-page : size-page]}
}

// bytes are the last n bytes before the fence.
func (f *fence) bytes(n int) []byte { return f.mem[len(f.mem)-n:] }

// floats are the last n floats before the fence, set to 1.
func (f *fence) floats(n int) []float32 {
	if n == 0 {
		return nil
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(&f.bytes(4 * n)[0])), n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// TestNothingBehindTheFence runs every kernel on operands that end where memory
// ends.
func TestNothingBehindTheFence(t *testing.T) {
	var f [4]*fence
	for i := range f {
		f[i] = newFence(t, 1<<18)
	}
	r := rand.New(rand.NewPCG(6, 6))
	eachKernel(t, func(t *testing.T) {
		k := active()
		for n := 1; n < 70; n++ {
			a, b, c, d := f[0].floats(n), f[1].floats(n), f[2].floats(n), f[3].floats(n)
			Dot(a, b)
			Axpy(a, 0.5, b)
			Add(a, b)
			Scale(a, 0.5)
			SumSq(a)
			RMSNorm(d, a, b, 1e-5)
			SiLUMul(d, a, b)
			Softmax(a)
			AdamStep(a, b, c, d, AdamConst{Step: 1})
			for _, dt := range allTypes {
				l, _ := layoutOf(dt)
				blocks := (n + l.block - 1) / l.block
				src := f[0].bytes(blocks * l.bytes)
				copy(src, encoded(r, dt, 1, blocks*l.block))
				Dequantize(f[1].floats(blocks*l.block), dt, src)
			}
			F32ToF16(f[1].bytes(2*n), f[0].floats(n))
			for h := 1; h <= 32; h++ {
				k.interleave(f[0].floats((n-1)*h+h), f[1].floats(h*n), h, n, n, h)
				k.stripes(f[0].floats(n*h), f[1].floats(n*h), h, n, h)
			}
			for _, h := range k.heights {
				k.tile[h](n, f[0].floats(n*h), f[1].floats(n*k.nr), f[2].floats(h*k.nr), k.nr, n%2 == 0)
			}
			if k.row4 != nil {
				k.row4(n, f[0].floats(n), f[1].floats(4*n*k.nr), n*k.nr, f[2].floats(4*k.nr), n%2 == 0)
			}
			Linear(f[0].floats(5*n), f[1].floats(5*13), 5, WeightF32(n, 13, f[2].floats(13*n)))
		}
		for _, n := range []int{1, 31, 32, 65} { // large enough for products by planes
			w := WeightF32(161, 201, f[2].floats(161*201))
			Linear(f[0].floats(n*161), f[1].floats(n*201), n, w)
			LinearAdd(f[0].floats(n*161), f[1].floats(n*201), n, w)
			Linear(f[0].floats(n*201), f[1].floats(n*161), n, w.T())
		}
	})
}
