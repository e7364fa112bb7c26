package tensor

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// golden is testdata/goldens.json, which make_goldens.py writes beside it.
type golden struct {
	Quant map[string]struct{ Blocks, Floats hexBytes }
	Adam  struct {
		Start hexBytes
		Grads []hexBytes
		After []hexBytes
	}
	Rows struct{ X, W, Norm, Gate, Soft hexBytes }
}

// hexBytes is a string of hexadecimal digits in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// floats decodes little-endian float32 numbers.
func (h hexBytes) floats() []float32 {
	x := make([]float32, len(h)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(h[4*i:]))
	}
	return x
}

func loadGolden(t *testing.T) *golden {
	t.Helper()
	text, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(golden)
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestDequantizeEqualsGGUF(t *testing.T) {
	g := loadGolden(t)
	eachKernel(t, func(t *testing.T) {
		for _, dt := range []DType{Q4_0, Q4_1, Q8_0} {
			c, ok := g.Quant[dt.String()]
			if !ok {
				t.Fatalf("no golden for %v", dt)
			}
			want := c.Floats.floats()
			got := make([]float32, len(want))
			Dequantize(got, dt, c.Blocks)
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%v: weight %d is %g, gguf has %g", dt, i, got[i], want[i])
				}
			}
		}
	})
}

func TestAdamEqualsTorch(t *testing.T) {
	g := loadGolden(t).Adam
	eachKernel(t, func(t *testing.T) {
		p := g.Start.floats()
		m, v := make([]float32, len(p)), make([]float32, len(p))
		for i := range g.Grads {
			AdamStep(p, g.Grads[i].floats(), m, v, AdamConst{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: i + 1})
			want := g.After[i].floats()
			// A step of at most 0.01·3 in which each of ten roundings may fall
			// the other way, on top of the rounding of p itself.
			within(t, "p", p, want, func(j int) float64 { return 10*0x1p-24*0.03 + ulp(want[j]) })
		}
	})
}

func TestRowsEqualTorch(t *testing.T) {
	g := loadGolden(t).Rows
	x, w := g.X.floats(), g.W.floats()
	eachKernel(t, func(t *testing.T) {
		// torch takes the mean square in float32: 1e-6 relative, as the forward needs.
		relative := func(want []float32) func(int) float64 {
			return func(i int) float64 { return 1e-6 * math.Abs(float64(want[i])) }
		}
		got := make([]float32, len(x))
		RMSNorm(got, x, w, 1e-5)
		within(t, "RMSNorm", got, g.Norm.floats(), relative(g.Norm.floats()))
		w4 := append([]float32{}, w...)
		Scale(w4, 4)
		SiLUMul(got, w4, x)
		within(t, "SiLUMul", got, g.Gate.floats(), relative(g.Gate.floats()))
		Softmax(w4)
		within(t, "Softmax", w4, g.Soft.floats(), relative(g.Soft.floats()))
	})
}
