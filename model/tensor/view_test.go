package tensor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// FuzzViews: slices, permutations and matrices stored transposed multiply with the
// bits of the same matrix written out, on every path and in every type.
func FuzzViews(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(7), uint8(3), uint8(9))
	f.Add(uint64(2), uint8(70), uint8(33), uint8(0), uint8(70))
	f.Add(uint64(3), uint8(1), uint8(1), uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, rows8, cols8, lo8, hi8 uint8) {
		rows, cols := int(rows8)+1, int(cols8)+1
		lo := int(lo8) % rows
		hi := lo + 1 + int(hi8)%(rows-lo)
		rng := rand.New(rand.NewPCG(seed, 1))
		for _, dt := range []DType{F32, F16, BF16, F64} {
			size, _ := dt.Bytes(1, 1)
			data, turned := make([]byte, int(size)*rows*cols), make([]byte, int(size)*rows*cols)
			for i := range data {
				data[i] = byte(rng.Uint32())
			}
			for i := int(size) - 1; i < len(data); i += int(size) {
				data[i] = data[i]&0x80 | 0x3e // keeps numbers finite
			}
			for r := range rows {
				for c := range cols {
					copy(turned[(c*rows+r)*int(size):][:size], data[(r*cols+c)*int(size):])
				}
			}
			plain, err := NewWeight(dt, rows, cols, data)
			if err != nil {
				t.Fatal(err)
			}
			other, err := NewTransposed(dt, rows, cols, turned)
			if err != nil {
				t.Fatal(err)
			}
			order := make([]int32, hi)
			for i := range order {
				order[i] = int32(rng.IntN(rows))
			}
			sameWeights(t, "transposed", other, plain)
			sameWeights(t, "slice", plain.Slice(lo, hi), written(plain, lo, hi))
			sameWeights(t, "slice of transposed", other.Slice(lo, hi), written(plain, lo, hi))
			sameWeights(t, "slice of slice", other.Slice(0, hi).Slice(lo, hi), written(plain, lo, hi))
			sameWeights(t, "permuted", other.Permuted(order), plain.Permuted(order))
			sameWeights(t, "slice of permuted", other.Permuted(order).Slice(lo, hi), plain.Permuted(order[lo:hi]))
			sameWeights(t, "permuted slice", other.Slice(lo, rows).Permuted([]int32{0}), written(plain, lo, lo+1))
		}
	})
}

// written is rows lo … hi−1 of w in memory of their own.
func written(w *Weight, lo, hi int) *Weight {
	all := w.Float32(nil)
	return WeightF32(hi-lo, w.cols, slices.Clone(all[lo*w.cols:hi*w.cols]))
}

// sameWeights compares rows, and products with and without kept panels.
func sameWeights(t *testing.T, what string, got, want *Weight) {
	t.Helper()
	if !slices.Equal(got.Float32(nil), want.Float32(nil)) {
		t.Fatalf("%s of %v: other numbers", what, got.dtype)
	}
	x := make([]float32, 3*want.cols)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	for _, kernel := range Kernels() {
		restore, err := WithKernel(kernel)
		if err != nil {
			t.Fatal(err)
		}
		a, b, c := make([]float32, 3*want.rows), make([]float32, 3*want.rows), make([]float32, 3*want.rows)
		Linear(a, x, 3, want)
		Linear(b, x, 3, got)
		got.Keep(NewPanels(1 << 20))
		Linear(c, x, 3, got)
		got.Keep(nil)
		if !slices.Equal(a, b) || !slices.Equal(a, c) {
			t.Errorf("%s of %v on %s: another product", what, got.dtype, kernel)
		}
		restore()
	}
}

func TestTransposedRefusesBlocks(t *testing.T) {
	if _, err := NewTransposed(Q8_0, 32, 32, make([]byte, 32*34)); err == nil {
		t.Error("a quantised matrix stored transposed is taken")
	}
	if _, err := NewTransposed(F32, 2, 3, make([]byte, 23)); err == nil {
		t.Error("data of another length is taken")
	}
}
