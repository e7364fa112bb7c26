package tensor

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// kernelEnv is the environment variable that forces a kernel path.
const kernelEnv = "AGAR_KERNEL"

// kernel is one path: a family of matrix micro-kernels over the same packed
// layout, and the vector kernels that go with it. Every function takes slices
// that the caller has already checked.
type kernel struct {
	name string

	// Matrix kernels. Activations are packed in slivers of a height out of
	// heights (descending, the last is 1): sliver[k·height + row]. Weights are
	// packed in panels of nr columns: panel[k·nr + column].
	nr      int
	heights []int
	kc      int // longest run of k that is summed before it is added to the result
	mc      int // rows of a block, a multiple of heights[0], sized for the L2 cache

	// tile[h] computes an h×nr tile, c[row·ldc + column], from kc steps of k;
	// add says whether to add to c or to overwrite it.
	tile [maxHeight + 1]tileFunc
	// row4 computes one row against four panels that lie stride floats apart;
	// nil when there is none.
	row4 func(kc int, a, b []float32, stride int, c []float32, add bool)

	// interleave packs h rows of n floats, ld apart, as dst[k·step + row].
	interleave func(dst, src []float32, h, n, ld, step int)
	// stripes copies n rows of h contiguous floats, ld apart, to dst[k·h].
	stripes func(dst, src []float32, h, n, ld int)

	peak  peakFunc
	split *splitKernel // for the products of large weights; nil: none

	vector
}

// amxName is the path that training takes where the processor has it.
const amxName = "amx"

// maxHeight is the greatest height of a micro-kernel on any path.
const maxHeight = 14

// tileFunc is a matrix micro-kernel of one height.
type tileFunc func(kc int, a, b, c []float32, ldc int, add bool)

// vector holds the kernels on vectors. Lengths have been checked by the
// callers; src of the decoders are bytes, little endian.
type vector struct {
	dot      func(a, b []float32) float32
	axpy     func(y []float32, alpha float32, x []float32)
	add      func(y, x []float32)
	scale    func(x []float32, s float32)
	sumSq    func(x []float32) float64
	scaleMul func(dst, x, w []float32, s float32)   // dst = (x·s)·w
	maximum  func(x []float32) float32              // of at least one; any when one is NaN
	expSum   func(x []float32, top float32) float64 // x = exp(x−top), and the sum of it
	siluMul  func(dst, gate, up []float32)
	adam     func(p, g, m, v []float32, c adamFactors)
	f32to16  func(dst []byte, src []float32)
	decoders decoders
}

// height is the smallest micro-kernel height that holds h rows.
func (k *kernel) height(h int) int {
	best := k.heights[0]
	for _, v := range k.heights {
		if v >= h {
			best = v
		}
	}
	return best
}

// forced is the path chosen by WithKernel, nil when none is.
var forced atomic.Pointer[kernel]

// chosen picks the path of this process once: AGAR_KERNEL when it is set,
// otherwise the fastest that the processor runs.
var chosen = sync.OnceValues(func() (*kernel, error) {
	if name := os.Getenv(kernelEnv); name != "" {
		k, err := kernelByName(name)
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", kernelEnv, name, err)
		}
		return k, nil
	}
	return kernels()[0], nil
})

// active is the path in use. It panics with an error that wraps ErrKernel when
// AGAR_KERNEL asks for one that cannot run.
func active() *kernel {
	if k := forced.Load(); k != nil {
		return k
	}
	k, err := chosen()
	if err != nil {
		panic(err)
	}
	return k
}

// training is the path of products in training: amx where the processor has it and
// nothing else was asked for, otherwise the path in use.
func training() *kernel {
	if forced.Load() == nil && os.Getenv(kernelEnv) == "" {
		if k, err := kernelByName(amxName); err == nil {
			return k
		}
	}
	return active()
}

// kernelByName finds one of the paths that this processor runs.
func kernelByName(name string) (*kernel, error) {
	names := []string{}
	for _, k := range kernels() {
		if k.name == name {
			return k, nil
		}
		names = append(names, k.name)
	}
	return nil, fmt.Errorf("%w: found %q, this machine runs %s", ErrKernel, name, strings.Join(names, ", "))
}

// Kernel is the name of the path in use: "avx512", "avx2" or "generic", or "amx" by
// request. The first of Kernels is taken unless AGAR_KERNEL names one; a name that is
// unknown or cannot run here panics with an error that wraps ErrKernel.
func Kernel() string { return active().name }

// TrainingKernel is the name of the path on which [Training] computes: "amx" where the
// processor runs it, unless AGAR_KERNEL or WithKernel names another, else Kernel.
func TrainingKernel() string { return training().name }

// Kernels lists the paths that this build runs on this processor, the one that is taken
// first, the others from the fastest on.
func Kernels() []string {
	var names []string
	for _, k := range kernels() {
		names = append(names, k.name)
	}
	return names
}

// WithKernel makes name the path of the whole process until restore is called,
// for tests that compare paths. It must not overlap with other uses of the
// package that expect one path; the error wraps ErrKernel.
func WithKernel(name string) (restore func(), err error) {
	k, err := kernelByName(name)
	if err != nil {
		return nil, err
	}
	old := forced.Swap(k)
	return func() { forced.Store(old) }, nil
}
