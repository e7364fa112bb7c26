package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"agar/model/tensor"
)

// piece is one function of a block on its own: forward in float64, written out anew
// here, and what goes back through it in float32.
type piece struct {
	forward func(x []float64) []float64
	back    func(x, dy []float32) []float32
}

// TestPiecesAgainstDifferences compares what goes back through each odd piece with
// central differences of it in float64. A step of 1e-5 leaves some 1e-9, so that what
// is seen is the float32 of the way back; 3e-6 is ten times the worst.
func TestPiecesAgainstDifferences(t *testing.T) {
	const n = 24
	r := rand.New(rand.NewPCG(8, 2))
	w, lin := drawn(r, n), drawn(r, n)
	worst := 0.0
	for name, p := range pieces(w, lin) {
		for _, scale := range []float32{1, 8} { // beyond caps too
			x, dy := drawn(r, n), drawn(r, n)
			for i := range x {
				x[i] *= scale
			}
			got, want := p.back(x, dy), differences(p.forward, x, dy)
			var diff, norm float64
			for i, v := range want {
				diff += math.Pow(float64(got[i])-v, 2)
				norm += v * v
			}
			rel := math.Sqrt(diff / max(norm, 1e-12))
			worst = max(worst, rel)
			if !(rel < 3e-6) {
				t.Errorf("%s at scale %g: relative error %.1e", name, scale, rel)
			}
		}
	}
	t.Logf("worst relative error %.1e", worst)
}

func drawn(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// differences is Σ dyᵢ·∂yᵢ/∂x.
func differences(f func([]float64) []float64, x, dy []float32) []float64 {
	const h = 1e-5
	at := make([]float64, len(x))
	for i, v := range x {
		at[i] = float64(v)
	}
	out := make([]float64, len(x))
	for j := range x {
		old := at[j]
		at[j] = old + h
		up := f(at)
		at[j] = old - h
		down := f(at)
		at[j] = old
		for i, d := range dy {
			out[j] += float64(d) * (up[i] - down[i]) / (2 * h)
		}
	}
	return out
}

func clone(x []float32) []float32 { return append([]float32{}, x...) }

func pieces(w, lin []float32) map[string]piece {
	const eps, cap = 1e-5, 2.0
	each := func(f func(i int, v float64) float64) func([]float64) []float64 {
		return func(x []float64) []float64 {
			y := make([]float64, len(x))
			for i, v := range x {
				y[i] = f(i, v)
			}
			return y
		}
	}
	gated := func(a Activation) func(x, dy []float32) []float32 {
		s := Spec{Activation: a}
		return func(x, dy []float32) []float32 {
			d := clone(dy)
			s.activateBack(d, make([]float32, len(d)), x, lin)
			return d
		}
	}
	return map[string]piece{
		"rms norm": {rms64(w, len(w), eps), func(x, dy []float32) []float32 {
			d := make([]float32, len(x))
			rmsBack(d, dy, x, w, eps, true)
			return d
		}},
		"norm of heads": {rms64(w, 8, eps), func(x, dy []float32) []float32 {
			d := clone(dy)
			headNormBack(d, x, w[:8], eps)
			return d
		}},
		"layer norm": {layer64(w, eps), func(x, dy []float32) []float32 {
			d := make([]float32, len(x))
			layerNormBack(d, dy, x, w, eps)
			return d
		}},
		"SiLU":      {each(func(i int, v float64) float64 { return v / (1 + math.Exp(-v)) * float64(lin[i]) }), gated(SiLU)},
		"GELU":      {each(func(i int, v float64) float64 { return v * 0.5 * math.Erfc(-v/math.Sqrt2) * float64(lin[i]) }), gated(GELU)},
		"GELU tanh": {each(func(i int, v float64) float64 { return geluTanh64(v) * float64(lin[i]) }), gated(GELUTanh)},
		"capped softmax": {softmax64(cap), func(x, dy []float32) []float32 {
			p := clone(x)
			tensor.Softcap(p, cap)
			capped := clone(p)
			tensor.Softmax(p)
			d := clone(dy)
			b := blockBack{backward: &backward{m: &Model{Spec: Spec{AttnSoftcap: cap, Heads: 1, KVHeads: 1, Blocks: []BlockSpec{{}}}}}}
			b.run = blockRun{forward: &forward{m: b.m}}
			b.softmaxBack(&attnTask{t0: len(x) - 1, t1: len(x)}, d, p, capped, len(x))
			return d
		}},
		"rotary": {rotate64, func(x, dy []float32) []float32 {
			d := clone(dy)
			cos, sin := rotary()
			(&ropeTable{half: 4, cos: cos, sin: sin}).unrotate(d, 1, 8)
			return d
		}},
	}
}

func rms64(w []float32, width int, eps float64) func([]float64) []float64 {
	return func(x []float64) []float64 {
		y := make([]float64, len(x))
		for at := 0; at < len(x); at += width {
			sq := 0.0
			for _, v := range x[at : at+width] {
				sq += v * v
			}
			for i, v := range x[at : at+width] {
				y[at+i] = float64(w[i]) * v / math.Sqrt(sq/float64(width)+eps)
			}
		}
		return y
	}
}

func layer64(w []float32, eps float64) func([]float64) []float64 {
	return func(x []float64) []float64 {
		mean, sq, y := 0.0, 0.0, make([]float64, len(x))
		for _, v := range x {
			mean += v / float64(len(x))
		}
		for _, v := range x {
			sq += (v - mean) * (v - mean) / float64(len(x))
		}
		for i, v := range x {
			y[i] = float64(w[i]) * (v - mean) / math.Sqrt(sq+eps)
		}
		return y
	}
}

func geluTanh64(v float64) float64 {
	return 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

func softmax64(cap float64) func([]float64) []float64 {
	return func(x []float64) []float64 {
		y, sum := make([]float64, len(x)), 0.0
		for i, v := range x {
			y[i] = math.Exp(cap * math.Tanh(v/cap))
			sum += y[i]
		}
		for i := range y {
			y[i] /= sum
		}
		return y
	}
}

// rotary is the angles of positions 0 and 1, with a factor on both.
func rotary() (cos, sin []float32) {
	cos, sin = make([]float32, 8), make([]float32, 8)
	for i := range 4 {
		cos[4+i], sin[4+i] = float32(1.1*math.Cos(float64(i+1)/3)), float32(1.1*math.Sin(float64(i+1)/3))
	}
	return cos, sin
}

func rotate64(x []float64) []float64 {
	cos, sin := rotary()
	y := make([]float64, len(x))
	for at := 0; at < len(x); at += 8 {
		for i := range 4 {
			a, b, c, s := x[at+i], x[at+4+i], float64(cos[4+i]), float64(sin[4+i])
			y[at+i], y[at+4+i] = a*c-b*s, b*c+a*s
		}
	}
	return y
}
