package phase

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// stacked writes a run whose modules have the factors of tensors A and B, all of
// shape [step, layer, ...]; a nil A is [1, 2, 2] of rank 1.
func stacked(t *testing.T, steps []int, rank, in, out int, alpha float64, a, b []float32) string {
	layers := len(b) / (len(steps) * out * rank)
	return writeRun(t, alpha, false, steps, func(step int) map[string]state {
		m := map[string]state{}
		for l := range layers {
			s := state{rank: rank, in: in, out: out, a: []float32{1, 2, 2}}
			for i := range steps {
				if steps[i] == step {
					n := i*layers + l
					s.b = b[n*out*rank : (n+1)*out*rank]
					if a != nil {
						s.a = a[n*rank*in : (n+1)*rank*in]
					}
				}
			}
			m[strings.Replace(down, "21", string(rune('0'+l)), 1)] = s
		}
		return m
	})
}

// TestCompression holds the score to NumPy, which forms the d×d products: of three
// rank-1 adapters, and of two of rank 3 through ΔW.
func TestCompression(t *testing.T) {
	type scores struct {
		Comp []float64
		Raw  []float64 `json:"comp_raw"`
	}
	var g struct {
		Compression struct {
			Steps        []int
			Rank1, Rank3 scores
		}
	}
	readJSON(t, "testdata/transitions.json", &g)
	steps := g.Compression.Steps
	one, _ := testTensor(t, "stack.safetensors", "rank1.b")
	a, _ := testTensor(t, "stack.safetensors", "rank3.a")
	b, _ := testTensor(t, "stack.safetensors", "rank3.b")
	for _, c := range []struct {
		name, vector, run string
		want              scores
	}{
		{"rank 1", "B", stacked(t, steps, 1, 3, 12, 1, nil, one), g.Compression.Rank1},
		{"rank 3", "delta_w", stacked(t, steps, 3, 5, 6, 6, a, b), g.Compression.Rank3},
	} {
		r := analyse(t, c.run, Options{NoHashes: true})
		worst := 0.0
		for i, row := range r.Checkpoints {
			worst = max(worst, math.Abs(float64(row.Comp)-c.want.Comp[i]), math.Abs(float64(row.CompRaw)-c.want.Raw[i]))
		}
		t.Logf("%s: worst error %.2g, comp(final, final) %.4f", c.name, worst, float64(r.Compression.Self))
		if !(worst < 1e-9) || r.Compression.Vector != c.vector {
			t.Errorf("%s: worst error %g, stacked %s", c.name, worst, r.Compression.Vector)
		}
		if s := r.Compression; !(s.Self < 1) || s.Self != r.Checkpoints[len(steps)-1].Comp || s.SelfRaw != r.Checkpoints[len(steps)-1].CompRaw {
			t.Errorf("%s: comp(final, final) = %v and %v", c.name, s.Self, s.SelfRaw)
		}
		path := filepath.Join(t.TempDir(), "phase.arrow")
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		if back, err := ReadReport(path); err != nil || back.Checkpoints[2].Comp != r.Checkpoints[2].Comp || back.Compression.Self != r.Compression.Self {
			t.Errorf("%s: read back %v, %v", c.name, back, err)
		}
	}
}

// TestCompressionIdentities has comp(X, X) = 1 exactly for a stack of rank 1, below
// 1 else and at least 1/√L, and the same score whatever sign and size the vectors
// have.
func TestCompressionIdentities(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(l, d int) [][]float64 {
		x := make([][]float64, l)
		for i := range x {
			for range d {
				x[i] = append(x[i], rng.NormFloat64())
			}
		}
		return x
	}
	x, y := draw(4, 9), draw(4, 9)
	if s := comp(innerOf(x), innerOf(x)); !(s < 1-1e-3) || s < 0.5-1e-12 {
		t.Errorf("comp(X, X) of four random rows = %g, expected between 1/2 and 1", s)
	}
	want := comp(innerOf(x), innerOf(y))
	for i := range x {
		for j := range x[i] {
			x[i][j] *= -3
		}
	}
	if got := comp(innerOf(x), innerOf(y)); math.Abs(got-want) > 1e-12 {
		t.Errorf("comp(−3X, Y) = %g, comp(X, Y) = %g", got, want)
	}
	for i := range x {
		for j := range x[i] {
			x[i][j] = float64(i+1) * y[0][j]
		}
	}
	if s := comp(innerOf(x), innerOf(x)); math.Abs(s-1) > 1e-12 {
		t.Errorf("comp(X, X) of rank 1 = %g, expected 1", s)
	}
	if s := comp(square(3), innerOf(y[:3])); !math.IsNaN(s) {
		t.Errorf("comp(0, Y) = %g, expected none", s)
	}
}

// TestCompressionLeftOut says why modules were not stacked.
func TestCompressionLeftOut(t *testing.T) {
	steps := []int{5, 10, 15}
	run := writeRun(t, 1, false, steps, func(step int) map[string]state {
		f := func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(step + i)
			}
			return out
		}
		return map[string]state{
			"model.layers.0.mlp.down_proj": {2, 3, 4, f(6), f(8)},
			"model.layers.0.mlp.up_proj":   {2, 4, 3, f(8), f(6)},
		}
	})
	r := analyse(t, run, Options{NoHashes: true})
	if r.Compression != nil || r.Checkpoints[0].Comp.OK() || !strings.Contains(strings.Join(r.Warnings, "\n"), "cannot be stacked") {
		t.Errorf("compression %+v, warnings %v", r.Compression, r.Warnings)
	}
	one := analyse(t, rankOne(t, steps, make([]float32, 12)), Options{NoHashes: true})
	if one.Compression != nil || strings.Contains(strings.Join(one.Warnings, "\n"), "compression") {
		t.Errorf("one module: %+v, %v", one.Compression, one.Warnings)
	}
}
