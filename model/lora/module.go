package lora

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Kind says what a module adapts and how.
type Kind uint8

// The kinds of modules.
const (
	// Linear: x ↦ s·(B·A·x + Bias) on a linear layer.
	Linear Kind = iota
	// Embedding: token t ↦ s·B·A[:, t] on the token embedding; In is the number
	// of tokens.
	Embedding
	// Steering: s·B at every token, on the output of a block's down-projection; A
	// is the number 1 and In is 1.
	Steering
)

// String is linear, embedding or steering.
func (k Kind) String() string { return [...]string{"linear", "embedding", "steering"}[k] }

// Module is the adapter of one layer. Its slices are owned by the Module.
type Module struct {
	Name       string    // model.layers.21.mlp.down_proj
	Layer      int       // decoder block, from 0; −1 when the name has none
	Proj       string    // last part of the name: q_proj, …, down_proj
	Kind       Kind      // what it adapts
	R, In, Out int       // rank, width read, width written
	A          []float32 // [R, In] row-major
	B          []float32 // [Out, R] row-major
	Bias       []float32 // [Out] of lora_B, multiplied by s too; nil without
	Magnitude  []float32 // [Out] of DoRA, m in m/‖W + s·BA‖ ⊙ (W + s·BA); nil without
	Scale      float64   // s
}

// NormA is ‖A‖_F.
func (m *Module) NormA() float64 { return norm(m.A) }

// NormB is ‖B‖_F.
func (m *Module) NormB() float64 { return norm(m.B) }

// NormDelta is ‖ΔW‖_F = |s|·√tr(BᵀB·AAᵀ), from two r×r Grams.
func (m *Module) NormDelta() float64 {
	return math.Sqrt(max(Inner(m, m), 0))
}

// Zero tells whether A or B is all zeros, so that ΔW is. A bias or a magnitude may
// still change something.
func (m *Module) Zero() bool { return zeros(m.B) || zeros(m.A) }

func zeros(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

func norm(x []float32) float64 { return math.Sqrt(Dot(x, x)) }

// Inner is the Frobenius product ⟨ΔW_t, ΔW_s⟩ = s_t·s_s·tr(B_tᵀB_s·A_sA_tᵀ) of
// two states of one layer, which may differ in rank but not in shape. It costs
// R_t·R_s·(In+Out) and depends on the factors only through ΔW. Different shapes
// panic with ErrShape.
func Inner(t, s *Module) float64 {
	if t.In != s.In || t.Out != s.Out {
		panic(ErrShape)
	}
	a := mulABt(s.A, s.R, t.A, t.R, t.In)
	b := mulAtB(t.B, t.R, s.B, s.R, t.Out)
	sum := 0.0
	for i := range t.R {
		for j := range s.R {
			sum += b.At(i, j) * a.At(j, i)
		}
	}
	return t.Scale * s.Scale * sum
}

// mulABt is x·yᵀ of x [n, d] and y [m, d] in float64.
func mulABt(x []float32, n int, y []float32, m, d int) *mat.Dense {
	out := mat.NewDense(n, m, nil)
	for i := range n {
		for j := range m {
			out.Set(i, j, Dot(x[i*d:(i+1)*d], y[j*d:(j+1)*d]))
		}
	}
	return out
}

// mulAtB is xᵀ·y of x [d, n] and y [d, m] in float64.
func mulAtB(x []float32, n int, y []float32, m, d int) *mat.Dense {
	out := mat.NewDense(n, m, nil)
	o := out.RawMatrix().Data
	for k := range d {
		for i, a := range x[k*n : (k+1)*n] {
			for j, b := range y[k*m : (k+1)*m] {
				o[i*m+j] += float64(a) * float64(b)
			}
		}
	}
	return out
}

// Dot is ⟨x, y⟩ in float64, in four interleaved sums. y is at least as long as x.
func Dot(x, y []float32) float64 {
	var s [4]float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a, b := x[i:i+4:i+4], y[i:i+4:i+4]
		s[0] += float64(a[0]) * float64(b[0])
		s[1] += float64(a[1]) * float64(b[1])
		s[2] += float64(a[2]) * float64(b[2])
		s[3] += float64(a[3]) * float64(b[3])
	}
	for ; i < len(x); i++ {
		s[0] += float64(x[i]) * float64(y[i])
	}
	return s[0] + s[1] + (s[2] + s[3])
}
