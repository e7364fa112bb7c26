package tensor

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

var allTypes = DTypes()

// encoded draws the bytes of a rows×cols matrix of type dt, all finite.
func encoded(r *rand.Rand, dt DType, rows, cols int) []byte {
	size, err := dt.Bytes(rows, cols)
	if err != nil {
		panic(err)
	}
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	half := func(o int) { binary.LittleEndian.PutUint16(b[o:], floatToHalf(float32(r.NormFloat64()))) }
	switch dt {
	case F32:
		for o := 0; o < len(b); o += 4 {
			binary.LittleEndian.PutUint32(b[o:], math.Float32bits(float32(r.NormFloat64())))
		}
	case F64:
		for o := 0; o < len(b); o += 8 {
			binary.LittleEndian.PutUint64(b[o:], math.Float64bits(r.NormFloat64()))
		}
	case F16, BF16:
		for o := 0; o < len(b); o += 2 {
			half(o)
		}
	default:
		l, _ := layoutOf(dt)
		for o := 0; o < len(b); o += l.bytes {
			for _, at := range l.scales {
				half(o + at)
			}
		}
	}
	return b
}

// TestLinearOfEveryType: the product with a stored weight equals, bit for bit, the
// product with the same numbers as float32, from memory of any alignment.
func TestLinearOfEveryType(t *testing.T) {
	const rows, n = 77, 9
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		for _, dt := range allTypes {
			cols := 352
			if weights, _ := dt.Block(); weights > 32 {
				cols = 768
			}
			data := append([]byte{0}, encoded(r, dt, rows, cols)...)[1:] // odd address
			w, err := NewWeight(dt, rows, cols, data)
			if err != nil {
				t.Fatal(err)
			}
			if w.DType() != dt || w.Rows() != rows || w.Cols() != cols {
				t.Fatalf("%v: weight says %v %d×%d", dt, w.DType(), w.Rows(), w.Cols())
			}
			all := w.Float32(nil)
			dense := WeightF32(rows, cols, all)
			order := make([]int32, rows)
			for i, j := range r.Perm(rows) {
				order[i] = int32(j)
			}
			for _, count := range []int{1, n} {
				x, got, want := randoms(r, count*cols), make([]float32, count*rows), make([]float32, count*rows)
				Linear(want, x, count, dense)
				Linear(got, x, count, w)
				sameBits(t, dt.String(), got, want)
				Linear(got, x, count, w.Permuted(order))
				for i := range got {
					sameBits(t, dt.String()+" permuted", got[i:i+1], want[i/rows*rows+int(order[i%rows]):][:1])
				}
			}
		}
	})
}

func TestRowAndPermuted(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 2))
		for _, dt := range allTypes {
			const cols = 256
			w, err := NewWeight(dt, 5, cols, encoded(r, dt, 5, cols))
			if err != nil {
				t.Fatal(err)
			}
			all := w.Float32(nil)
			twice := w.Permuted([]int32{4, 2, 0, 1, 3, 3}).Permuted([]int32{5, 0, 2})
			got := make([]float32, cols)
			for i, stored := range []int{3, 4, 0} {
				twice.Row(got, i)
				sameBits(t, dt.String(), got, all[stored*cols:(stored+1)*cols])
			}
			into := make([]float32, 0, 3*cols)
			if f := twice.Float32(into); &f[0] != &into[:1][0] || len(f) != 3*cols {
				t.Errorf("%v: Float32 did not reuse its destination", dt)
			}
		}
	})
}

func TestPanelsBudget(t *testing.T) {
	const rows, cols = 64, 100
	r := rand.New(rand.NewPCG(8, 1))
	a, b := WeightF32(rows, cols, randoms(r, rows*cols)), WeightF32(rows, cols, randoms(r, rows*cols))
	x, y := randoms(r, cols), make([]float32, rows)
	p := NewPanels(4*rows*cols + 100) // room for one of them
	a.Keep(p)
	b.Keep(p)
	Linear(y, x, 1, a)
	Linear(y, x, 1, b)
	if a.packed.Load() == nil || b.packed.Load() != nil || p.Left() != 100 {
		t.Fatalf("after two products: a kept %v, b kept %v, %d bytes left, expected true, false, 100",
			a.packed.Load() != nil, b.packed.Load() != nil, p.Left())
	}
	a.Keep(nil)
	Linear(y, x, 1, b)
	if b.packed.Load() == nil || p.Left() != 100 {
		t.Fatalf("after a has let go: b kept %v, %d bytes left", b.packed.Load() != nil, p.Left())
	}
	for _, name := range Kernels() { // another path repacks within the same budget
		restore, err := WithKernel(name)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float32, rows)
		Linear(want, x, 1, WeightF32(rows, cols, b.f32))
		Linear(y, x, 1, b)
		sameBits(t, name, y, want)
		if got := b.packed.Load().nr; got != active().nr || p.Left() != 100 {
			t.Errorf("%s: panels of %d columns, %d bytes left, expected %d and 100", name, got, p.Left(), active().nr)
		}
		restore()
	}
}

func TestNewWeightErrors(t *testing.T) {
	for _, c := range []struct {
		name       string
		dt         DType
		rows, cols int
		bytes      int
	}{
		{"short", F16, 2, 3, 11}, {"long", F32, 1, 1, 5}, {"block", Q4_0, 1, 33, 18}, {"unknown", DType(99), 1, 1, 1},
		{"negative", F32, -1, 4, 0}, {"overflow", F32, 1 << 40, 1 << 40, 0},
	} {
		if w, err := NewWeight(c.dt, c.rows, c.cols, make([]byte, c.bytes)); !errors.Is(err, ErrDType) || w != nil {
			t.Errorf("%s: NewWeight gave %v, %v, expected an error that wraps ErrDType", c.name, w, err)
		}
	}
	if got := DType(99).String(); got != "DType(99)" {
		t.Errorf("unknown type reads %q", got)
	}
}
