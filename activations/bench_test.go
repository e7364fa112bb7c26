package activations

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"agar/activations/blob"
)

// The benchmarks use rows of 576 float16, SmolLM2's residual stream, as
// `go test -bench . -benchtime 2x ./activations` on files in the page cache.

const benchRows, benchDim = 131072, 576

// benchStore writes a store of 151 MB and opens it.
func benchStore(b *testing.B) *Store {
	b.Helper()
	dir := b.TempDir()
	fake := newFake()
	fake.dims = map[string]int{"h": benchDim}
	o := fakeOptions(dir)
	o.Hooks, o.ShardRows, o.Context, o.DType = []string{"h"}, 65536, 1<<20, F16
	mustCapture(b, o, flood{fake}, &sliceDocs{docs: []Document{{IDs: make([]int32, benchRows)}}})
	return mustOpen(b, dir)
}

// flood answers at once with the same random rows.
type flood struct{ *fakeRunner }

func (f flood) Run(_ context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	n := 0
	for _, s := range seqs {
		n += len(s)
	}
	return map[string][]float32{hooks[0]: noise(n * f.dims[hooks[0]])}, nil
}

func noise(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x[:min(n, 1<<20)] {
		x[i] = float32(r.NormFloat64())
	}
	for i := 1 << 20; i < n; i += copy(x[i:], x[:1<<20]) {
	}
	return x
}

func benchWrite(b *testing.B, d DType) {
	x := noise(benchRows * benchDim)
	dir := blob.Dir(b.TempDir())
	cols := []Column{{"h", benchDim, d}}
	b.SetBytes(int64(benchRows) * bytesPerRow(cols))
	for b.Loop() {
		w := newStoreWriter(dir, cols, 65536, nil)
		for i := range benchRows {
			if err := w.add(row{pos: int32(i)}, [][]float32{x[i*benchDim : (i+1)*benchDim]}); err != nil {
				b.Fatal(err)
			}
			if err := w.endDocument(); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteF16(b *testing.B) { benchWrite(b, F16) }
func BenchmarkWriteF32(b *testing.B) { benchWrite(b, F32) }

// BenchmarkTouch reads what is mapped, without converting it: the zero-copy
// path's own limit.
func BenchmarkTouch(b *testing.B) {
	s := benchStore(b)
	b.SetBytes(benchRows * benchDim * 2)
	for b.Loop() {
		for _, bt := range s.batches {
			raw, err := bt.shard.values(bt.index, 0, &s.cache)
			if err != nil {
				b.Fatal(err)
			}
			sum := byte(0)
			for i := 0; i < len(raw); i += 64 {
				sum += raw[i]
			}
			sink += int(sum)
		}
	}
}

var sink int

func benchSource(b *testing.B, open func(s *Store) (Source, error)) {
	s := benchStore(b)
	var r Rows
	b.SetBytes(benchRows * benchDim * 2)
	for b.Loop() {
		src, err := open(s)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if err := src.Next(context.Background(), &r, 4096); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkSource(b *testing.B) {
	benchSource(b, func(s *Store) (Source, error) { return s.Source("h", everything) })
}

func BenchmarkShuffled(b *testing.B) {
	benchSource(b, func(s *Store) (Source, error) { return s.ShuffleWithin("h", everything, 1, 1<<40) })
}

func BenchmarkShuffledBlocks(b *testing.B) {
	benchSource(b, func(s *Store) (Source, error) { return s.ShuffleWithin("h", everything, 1, 100<<20) })
}
