package tensor

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
)

func TestParallelCallsEachOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(threads)
		for _, n := range []int{0, 1, 2, 1000} {
			count := make([]atomic.Int32, n)
			Parallel(n, func(i int) { count[i].Add(1) })
			for i := range count {
				if c := count[i].Load(); c != 1 {
					t.Errorf("%d threads: f(%d of %d) ran %d times", threads, i, n, c)
				}
			}
		}
		runtime.GOMAXPROCS(old)
	}
}

func TestParallelNested(t *testing.T) {
	var sum atomic.Int64
	Parallel(8, func(i int) {
		Parallel(8, func(j int) { sum.Add(int64(8*i + j)) })
	})
	if got := sum.Load(); got != 63*64/2 {
		t.Errorf("nested sum is %d, expected %d", got, 63*64/2)
	}
}

func TestParallelPanics(t *testing.T) {
	for _, threads := range []int{1, 4} {
		old := runtime.GOMAXPROCS(threads)
		func() {
			defer func() {
				if v := recover(); v != "seven" {
					t.Errorf("%d threads: recovered %v, expected seven", threads, v)
				}
			}()
			Parallel(1000, func(i int) {
				if i == 7 {
					panic("seven")
				}
			})
			t.Errorf("%d threads: Parallel returned", threads)
		}()
		runtime.GOMAXPROCS(old)
	}
	ran := false // the pooled state has survived
	Parallel(1, func(int) { ran = true })
	if !ran {
		t.Error("Parallel after a panic did nothing")
	}
}

// allocations is the mean number of allocations of f. The run-time may allocate a
// few things of its own when goroutines start, so a hundred calls are averaged.
func allocations(threads int, f func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	const calls = 100
	for range 10 {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / calls
}

// TestNoAllocation: products and vector kernels allocate nothing once the pools
// are warm.
func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	r := rand.New(rand.NewPCG(1, 1))
	const n, in, out = 70, 130, 150 // enough work for two threads
	x, y := randoms(r, n*in), make([]float32, n*out)
	w := WeightF32(out, in, randoms(r, in*out))
	q, err := NewWeight(Q4_1, 64, 64, encoded(r, Q4_1, 64, 64))
	if err != nil {
		t.Fatal(err)
	}
	a := Mat{Data: x, Rows: n, Cols: in}
	b := Mat{Data: randoms(r, in*out), Rows: in, Cols: out}
	dst := Mat{Data: y, Rows: n, Cols: out}
	eachKernel(t, func(t *testing.T) {
		for name, f := range map[string]func(){
			"Linear":       func() { Linear(y, x, n, w) },
			"one row":      func() { LinearAdd(y, x, 1, w) },
			"quantised":    func() { Linear(y, x, 3, q) },
			"MatMul":       func() { MatMul(dst, a, b, true) },
			"MatMulSerial": func() { MatMulSerial(dst, a, b, false) },
			"rows":         func() { Softmax(y); RMSNorm(y[:in], x[:in], x[:in], 1e-5); Dot(x, x) },
			"Adam":         func() { AdamStep(y[:in], x[:in], y[in:2*in], y[2*in:3*in], AdamConst{Step: 1}) },
		} {
			for threads := 1; threads <= 2; threads++ {
				if got := allocations(threads, f); got >= 0.5 {
					t.Errorf("%s on %d threads allocates %g times a call", name, threads, got)
				}
			}
		}
	})
}
