package tensor

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// golden is testdata/goldens.json, which make_goldens.py writes beside it.
type golden struct {
	Quant map[string]struct {
		Blocks hexBytes
		SHA256 []string // of every decoded block
	}
	Adam struct {
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

// quantised lists the types that are decoded by the block.
func quantised() (types []DType) {
	for _, dt := range allTypes {
		if dt.Scales() != nil {
			types = append(types, dt)
		}
	}
	return types
}

// bytesOf is x as little-endian bytes, with one bit pattern for all NaNs.
func bytesOf(x []float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, bitsOf(v))
	}
	return b
}

func TestDequantizeEqualsGGUF(t *testing.T) {
	g := loadGolden(t)
	if len(quantised()) != 12 || len(g.Quant) != 12 {
		t.Fatalf("%d types, %d goldens, expected 12", len(quantised()), len(g.Quant))
	}
	eachKernel(t, func(t *testing.T) {
		for _, dt := range quantised() {
			c := g.Quant[dt.String()]
			weights, bytes := dt.Block()
			if len(c.SHA256) != 8 || len(c.Blocks) != 8*bytes {
				t.Fatalf("%v: found %d bytes of %d blocks", dt, len(c.Blocks), len(c.SHA256))
			}
			got := make([]float32, 8*weights)
			Dequantize(got, dt, c.Blocks)
			for i, want := range c.SHA256 {
				if sum := sha256.Sum256(bytesOf(got[i*weights : (i+1)*weights])); hex.EncodeToString(sum[:]) != want {
					t.Errorf("%v: block %d differs from gguf's: %v", dt, i, got[i*weights:][:32])
				}
			}
		}
	})
}

// TestDequantizeEqualsLiveGGUF compares 500 blocks of every type, their scales any
// bits at all, with what the gguf package makes of them.
func TestDequantizeEqualsLiveGGUF(t *testing.T) {
	env := os.Getenv("AGAR_ORACLES")
	if env == "" {
		t.Skip("AGAR_ORACLES is not set")
	}
	dir := t.TempDir()
	if out, err := exec.Command(filepath.Join(env, "bin", "python"), "testdata/make_goldens.py", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(dt DType, kind string) hexBytes {
		b, err := os.ReadFile(filepath.Join(dir, dt.String()+kind))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	eachKernel(t, func(t *testing.T) {
		for _, dt := range quantised() {
			want := read(dt, ".floats").floats()
			weights, _ := dt.Block()
			if len(want) != 500*weights {
				t.Fatalf("%v: %d numbers", dt, len(want))
			}
			got := make([]float32, len(want))
			Dequantize(got, dt, read(dt, ".blocks"))
			sameBits(t, dt.String(), got, want)
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
