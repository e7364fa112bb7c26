package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"agar/model/tensor"
)

// Options say what to measure; the zero value is the usual.
type Options struct {
	Time time.Duration // at least, for each figure; 0 is 200 ms
}

// Machine is what limits the kernels.
type Machine struct {
	OS          string  `json:"os"`
	Arch        string  `json:"arch"`
	Cores       int     `json:"cores"`
	Path        string  `json:"path"`          // of kernels in use
	Training    string  `json:"training_path"` // of products in training
	FMA         float64 `json:"fma_gflops"`    // float32 operations a second in registers of one core, on Path; 0 where it has no loop for that
	Read        float64 `json:"read_gbs"`      // 10⁹ bytes a second that one core reads from memory
	TwoCoreGain float64 `json:"two_core_gain"` // a product on two cores against one; 0 on one core
}

// Result is one figure.
type Result struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Share *float64 `json:"share_of_limit"` // of what the path's registers or memory can do on one core; null: unknown
	Path  string   `json:"path"`
}

// Report is what was measured.
type Report struct {
	Machine Machine  `json:"machine"`
	Results []Result `json:"results"`
}

// sizes are what is measured on.
type sizes struct {
	read   int      // bytes, more than caches hold
	shapes [][3]int // rows × in × out of products
	row    [2]int   // in and out of a product with one row, whose weight caches do not hold
}

// usual are the MLP of SmolLM2-135M in training, up and down, and its unembedding.
var usual = sizes{256 << 20, [][3]int{{2048, 576, 1536}, {2048, 1536, 576}, {1024, 576, 49152}}, [2]int{1536, 32768}}

// Run measures on one core, but for the gain of a second. It switches kernel paths of the
// whole process, and must not overlap with other uses of them.
func Run(ctx context.Context, o Options) (*Report, error) { return run(ctx, o, usual) }

func run(ctx context.Context, o Options, s sizes) (*Report, error) {
	b := &bench{ctx: ctx, sizes: s, least: o.Time, r: rand.New(rand.NewPCG(1, 2))}
	if b.least <= 0 {
		b.least = 200 * time.Millisecond
	}
	m := &b.rep.Machine
	*m = Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Path: tensor.Kernel(), Training: tensor.TrainingKernel()}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b.memory()
	for _, path := range tensor.Kernels() {
		if path == "generic" && m.Path != path {
			continue // a hundred times slower, and nobody's path
		}
		if err := b.path(path); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	b.cores()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return &b.rep, nil
}

// bench is a measurement under way.
type bench struct {
	ctx context.Context
	sizes
	least time.Duration
	r     *rand.Rand
	rep   Report
}

// best is the shortest time on a processor that f took, called until the time is over
// and thrice at least.
func (b *bench) best(f func()) float64 { return b.bestBy(clock, f) }

// elapsed is best by the clock on the wall.
func (b *bench) elapsed(f func()) float64 {
	return b.bestBy(func() time.Duration { return time.Since(start) }, f)
}

func (b *bench) bestBy(clock func() time.Duration, f func()) float64 {
	var best, all time.Duration
	for i := 0; (i < 3 || all < b.least) && b.ctx.Err() == nil; i++ {
		at := clock()
		f()
		d := max(clock()-at, 1)
		if all += d; i == 0 || d < best {
			best = d
		}
	}
	return max(best.Seconds(), 1e-9)
}

// memory measures what one core reads: the dot product of vectors that caches do not hold.
func (b *bench) memory() {
	x := make([]float32, b.read/4)
	for i := range x {
		x[i] = 1
	}
	half := len(x) / 2
	b.rep.Machine.Read = float64(b.read) / b.best(func() { tensor.Dot(x[:half], x[half:]) }) / 1e9
}

// path measures one path.
func (b *bench) path(name string) error {
	restore, err := tensor.WithKernel(name)
	if err != nil {
		return err
	}
	defer restore()
	limit := b.peak()
	if name == b.rep.Machine.Path {
		b.rep.Machine.FMA = limit
	}
	b.add("registers", limit, "GFLOP/s", limit, name)
	for _, s := range b.shapes {
		n, in, out := s[0], s[1], s[2]
		b.add(fmt.Sprintf("product %d×%d·%d", n, in, out), b.product(b.best, n, in, out), "GFLOP/s", limit, name)
	}
	if name == tensor.TrainingKernel() && name != b.rep.Machine.Path {
		return nil // vectors are those of the path in use
	}
	b.vectors(name)
	return nil
}

// peak is the operations a second of the path's registers, in 10⁹.
func (b *bench) peak() float64 {
	const rounds = 1 << 18
	flops := 0.0
	t := b.best(func() { flops = tensor.Peak(rounds) })
	return flops / t / 1e9
}

// product is the operations a second of a product with a float32 weight, in 10⁹.
func (b *bench) product(best func(f func()) float64, n, in, out int) float64 {
	x, w, y := b.randoms(n*in), tensor.WeightF32(out, in, b.randoms(out*in)), make([]float32, n*out)
	w.Keep(tensor.NewPanels(1 << 30))
	defer w.Keep(nil)
	tensor.Linear(y, x, n, w)
	return 2 * float64(n) * float64(in) * float64(out) / best(func() { tensor.Linear(y, x, n, w) }) / 1e9
}

// vectors measures a row against a weight, which is as fast as memory is read, and the
// vector operations of a training step on rows in the cache, which have no limit here.
func (b *bench) vectors(path string) {
	const n = 1536
	in, out := b.row[0], b.row[1]
	x, w, y := b.randoms(in), tensor.WeightF32(out, in, make([]float32, in*out)), make([]float32, out)
	w.Keep(tensor.NewPanels(1 << 30))
	tensor.Linear(y, x, 1, w)
	t := b.best(func() { tensor.Linear(y, x, 1, w) })
	w.Keep(nil)
	b.add(fmt.Sprintf("one row %d·%d", in, out), 4*float64(in)*float64(out)/t/1e9, "GB/s", b.rep.Machine.Read, path)
	p, q, r := b.randoms(n), b.randoms(n), b.randoms(n)
	for _, v := range []struct {
		name  string
		bytes float64
		f     func()
	}{
		{"softmax", 8 * n, func() { tensor.Softmax(p) }},
		{"norm", 12 * n, func() { tensor.RMSNorm(p, q, r, 1e-5) }},
		{"SiLU gate", 12 * n, func() { tensor.SiLUMul(p, q, r) }},
	} {
		const times = 100
		t := b.best(func() {
			for range times {
				v.f()
			}
		})
		b.add(fmt.Sprintf("%s of %d", v.name, n), times*v.bytes/t/1e9, "GB/s", 0, path)
	}
}

// cores measures what a second core brings to a product of the path in use.
func (b *bench) cores() {
	if b.rep.Machine.Cores < 2 {
		return
	}
	s := b.shapes[0]
	one := b.product(b.elapsed, s[0], s[1], s[2])
	runtime.GOMAXPROCS(2)
	b.rep.Machine.TwoCoreGain = b.product(b.elapsed, s[0], s[1], s[2]) / one
	runtime.GOMAXPROCS(1)
}

// add notes a figure; limit 0 is unknown.
func (b *bench) add(name string, value float64, unit string, limit float64, path string) {
	r := Result{Name: name, Value: value, Unit: unit, Path: path}
	if limit > 0 {
		share := value / limit
		r.Share = &share
	}
	if value > 0 {
		b.rep.Results = append(b.rep.Results, r)
	}
}

func (b *bench) randoms(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = b.r.Float32() - 0.5
	}
	return x
}
