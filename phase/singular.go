package phase

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"agar/model/lora"
	"agar/model/tensor"
)

// Singular is the top of the singular value decomposition of a matrix's last ΔW.
type Singular struct {
	Values []Number `json:"values"` // descending; each is at most the true one
	// Errors bound how much larger each true singular value can be.
	Errors []Number `json:"errors"`
	Share  Number   `json:"share"` // of ‖ΔW‖²_F that the values hold
	// Stable is ‖ΔW‖²_F/σ₁², the stable rank: 1 for a rank-1 change.
	Stable Number `json:"stable_rank"`
}

// svdExtra columns beside the wanted ones, and how often the range is refined.
const (
	svdExtra  = 8
	svdPowers = 2
)

// directions finds the top singular directions of a tensor's last ΔW.
func (f *full) directions(ctx context.Context, name string) error {
	if f.Rank < 0 {
		return nil
	}
	delta, err := f.deltaAt(name, len(f.checkpoints)-1)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, cols := f.rows[name], f.cols[name]
	s, u, v := topSingular(delta, rows, cols, f.Rank)
	f.singular[moduleOf(name)] = s
	m := lora.Module{Name: moduleOf(name), Layer: layerOf(name), R: len(s.Values), In: cols, Out: rows, Scale: 1}
	m.A, m.B = make([]float32, m.R*cols), make([]float32, rows*m.R)
	factors(m.A, m.B, s, u, v)
	f.end.Modules = append(f.end.Modules, m)
	return nil
}

// deltaAt is the ΔW [rows, cols] of a tensor at checkpoint t.
func (f *full) deltaAt(name string, t int) ([]float32, error) {
	delta, base := make([]float32, f.rows[name]*f.cols[name]), make([]float32, f.cols[name])
	if err := f.checkpoints[t].Rows(delta, name, 0); err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	for r := range f.rows[name] {
		if err := f.base.Rows(base, name, r); err != nil {
			return nil, fmt.Errorf("phase: base: %w", err)
		}
		row := delta[r*len(base) : (r+1)*len(base)]
		for i, w := range base {
			row[i] -= w
		}
	}
	return delta, nil
}

// topSingular finds the k largest singular values and vectors of x [rows, cols]: u
// [rows, k] and v [cols, k] with orthonormal columns. It is the randomised
// decomposition of Halko, Martinsson and Tropp (2011, algorithm 5.1) in float64: the
// range of (x·xᵀ)^q·x·Ω for a random Ω of k + 8 columns, orthonormalised between the
// products, and the decomposition of Qᵀx. By interlacing σᵢ(Qᵀx) ≤ σᵢ(x) ≤ √(σᵢ(Qᵀx)² +
// ‖x − QQᵀx‖²_F), and ‖x − QQᵀx‖²_F = ‖x‖²_F − ‖Qᵀx‖²_F, which is what Errors state.
func topSingular(x []float32, rows, cols, k int) (s *Singular, u, v *mat.Dense) {
	k = min(k, rows, cols)
	l := min(k+svdExtra, rows, cols)
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	omega := mat.NewDense(cols, l, nil)
	for i := range cols {
		for j := range l {
			omega.Set(i, j, rng.NormFloat64())
		}
	}
	q := orthonormal(timesRight(x, rows, cols, omega))
	for range svdPowers {
		q = orthonormal(timesRight(x, rows, cols, orthonormal(timesLeft(x, rows, cols, q))))
	}
	b := timesLeft(x, rows, cols, q) // (Qᵀx)ᵀ [cols, l]
	var svd mat.SVD
	if !svd.Factorize(b, mat.SVDThin) {
		return &Singular{Values: []Number{}, Errors: []Number{}, Share: Missing(), Stable: Missing()}, nil, nil
	}
	values := svd.Values(nil)
	var left, right, back mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	back.Mul(q, &right)
	total := tensor.SumSq(x)
	return describeSingular(values, total, k), mat.DenseCopyOf(back.Slice(0, rows, 0, k)), mat.DenseCopyOf(left.Slice(0, cols, 0, k))
}

func describeSingular(values []float64, total float64, k int) *Singular {
	held, top := 0.0, 0.0
	for i, v := range values {
		held += v * v
		if i < k {
			top += v * v
		}
	}
	rest := max(total-held, 0)
	s := &Singular{Values: []Number{}, Errors: []Number{}, Share: Number(top / total), Stable: Number(total / (values[0] * values[0]))}
	for _, v := range values[:k] {
		s.Values = append(s.Values, Number(v))
		s.Errors = append(s.Errors, Number(math.Sqrt(v*v+rest)-v))
	}
	return s
}

// timesRight is x·y of x [rows, cols] and y [cols, l].
func timesRight(x []float32, rows, cols int, y *mat.Dense) *mat.Dense {
	_, l := y.Dims()
	out := mat.NewDense(rows, l, nil)
	tensor.Parallel(rows, func(r int) {
		row := out.RawRowView(r)
		for c, w := range x[r*cols : (r+1)*cols] {
			for j, v := range y.RawRowView(c) {
				row[j] += float64(w) * v
			}
		}
	})
	return out
}

// timesLeft is xᵀ·y of x [rows, cols] and y [rows, l].
func timesLeft(x []float32, rows, cols int, y *mat.Dense) *mat.Dense {
	_, l := y.Dims()
	out := mat.NewDense(cols, l, nil)
	const strip = 64 // columns
	tensor.Parallel((cols+strip-1)/strip, func(i int) {
		from, to := i*strip, min((i+1)*strip, cols)
		for r := range rows {
			in := y.RawRowView(r)
			for c := from; c < to; c++ {
				w := float64(x[r*cols+c])
				for j, v := range in {
					out.RawRowView(c)[j] += w * v
				}
			}
		}
	})
	return out
}

// orthonormal is an orthonormal basis of the columns of y [n, l], by Gram and Schmidt
// twice. A column that the others span becomes 0.
func orthonormal(y *mat.Dense) *mat.Dense {
	n, l := y.Dims()
	flat := make([]float64, n*l)
	column := func(j int) []float64 { return flat[j*n : (j+1)*n] }
	for j := range l {
		c := mat.Col(column(j), j, y)
		before := floats.Norm(c, 2)
		for range 2 {
			for i := range j {
				floats.AddScaled(c, -floats.Dot(c, column(i)), column(i))
			}
		}
		size := floats.Norm(c, 2)
		if size <= 1e-12*before {
			size = math.Inf(1)
		}
		floats.Scale(1/size, c)
	}
	return mat.DenseCopyOf(mat.NewDense(l, n, flat).T())
}
