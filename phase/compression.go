package phase

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"agar/model/lora"
)

// Compression says what the compression score of the checkpoints is of: how alike
// the adapters of several layers are to themselves at the end of the run (Turner
// et al., 2506.11613, eq. 1).
type Compression struct {
	Modules []string `json:"modules"` // stacked, in this order
	Vector  string   `json:"vector"`  // what a row of the stack is: B or delta_w
	// Self and SelfRaw are comp(final, final), with and without the means over
	// checkpoints taken off. Only a stack of rank 1 gives 1: they are the ceilings
	// beside which the scores are to be read.
	Self    Number `json:"self"`
	SelfRaw Number `json:"self_raw"`
	Note    string `json:"note"`
}

// compressionNote is what a reader of the score must know.
const compressionNote = "comp(X, X) is below 1 unless X has rank 1: 1 is not \"aligned\", and the last checkpoint's own score is no finding"

// compressionWork bounds the multiplications that the score may cost.
const compressionWork = 4e9

// stack computes inner products between modules of one shape.
type stack struct {
	run     *run
	names   []string
	first   []lora.Module // of the first checkpoint, for shapes
	rankOne bool
}

// stackOf finds the modules that can be stacked: at least two, all of rank 1 that
// write the same width, or all of one shape. why says what is in the way.
func (r *run) stackOf() (s *stack, why string, err error) {
	if len(r.names) < 2 {
		return nil, "", nil
	}
	s = &stack{run: r, names: r.names, rankOne: true}
	sameShape := true
	for _, name := range r.names {
		m, err := r.readers[0].Module(name)
		if err != nil {
			return nil, "", fmt.Errorf("phase: %w", err)
		}
		m.A, m.B = nil, nil
		s.first = append(s.first, m)
		s.rankOne = s.rankOne && m.R == 1 && m.Out == s.first[0].Out
		sameShape = sameShape && m.In == s.first[0].In && m.Out == s.first[0].Out
		if !s.rankOne && !sameShape {
			return nil, "compression score: the modules are neither all of rank 1 with one output width nor all of one shape, so they cannot be stacked", nil
		}
	}
	if work := s.work(); work > compressionWork {
		return nil, fmt.Sprintf("compression score: left out, %d modules at %d checkpoints would take %.1g multiplications (the limit is %.1g)", len(s.names), len(r.steps), work, float64(compressionWork)), nil
	}
	return s, "", nil
}

// work counts the multiplications of all inner products.
func (s *stack) work() float64 {
	m, n, l := s.first[0], float64(len(s.run.steps)), float64(len(s.names))
	if s.rankOne {
		return 3 * n * l * l * float64(m.Out)
	}
	return n * l * n * l / 2 * float64(m.R*m.R) * float64(m.In+m.Out)
}

// compression fills in the scores of every checkpoint.
func (b *builder) compression(ctx context.Context, r *run) error {
	s, why, err := r.stackOf()
	if why != "" {
		b.rep.Warnings = append(b.rep.Warnings, why)
	}
	if s == nil || err != nil {
		return err
	}
	raw, centred, err := s.grams(ctx)
	if err != nil {
		return err
	}
	last := len(raw) - 1
	c := &Compression{Modules: s.names, Vector: "delta_w", Note: compressionNote}
	if s.rankOne {
		c.Vector = "B"
	}
	for t := range raw {
		b.rep.Checkpoints[t].CompRaw = Number(comp(raw[t], raw[last]))
		b.rep.Checkpoints[t].Comp = Number(comp(centred[t], centred[last]))
	}
	c.Self, c.SelfRaw = b.rep.Checkpoints[last].Comp, b.rep.Checkpoints[last].CompRaw
	b.rep.Compression = c
	return nil
}

// comp is comp(X, Y) = ‖XᵀY‖_F/(‖X‖_F·‖Y‖_F) of two stacks [L, d] through their
// Grams: ‖XᵀY‖_F² = tr(XXᵀ·YYᵀ). NaN for a stack of zeros.
func comp(x, y [][]float64) float64 {
	product, nx, ny := 0.0, 0.0, 0.0
	for i := range x {
		nx, ny = nx+x[i][i], ny+y[i][i]
		for j := range x[i] {
			product += x[i][j] * y[j][i]
		}
	}
	if nx <= 0 || ny <= 0 {
		return math.NaN()
	}
	return math.Sqrt(max(product, 0) / (nx * ny))
}

// grams gives the L×L inner products of the stack's rows at every checkpoint, raw
// and with each row's mean over the checkpoints taken off.
func (s *stack) grams(ctx context.Context) (raw, centred [][][]float64, err error) {
	if s.rankOne {
		return s.gramsOfB(ctx)
	}
	return s.gramsOfDelta(ctx)
}

// gramsOfB reads B of every module and checkpoint twice: for the means, then for
// the products.
func (s *stack) gramsOfB(ctx context.Context) (raw, centred [][][]float64, err error) {
	n := float64(len(s.run.steps))
	mean := make([][]float64, len(s.names))
	for i := range mean {
		mean[i] = make([]float64, s.first[0].Out)
	}
	err = s.each(ctx, func(_ int, rows [][]float64) {
		for l, row := range rows {
			for i, v := range row {
				mean[l][i] += v / n
			}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	err = s.each(ctx, func(_ int, rows [][]float64) {
		raw = append(raw, innerOf(rows))
		for l, row := range rows {
			for i := range row {
				row[i] -= mean[l][i]
			}
		}
		centred = append(centred, innerOf(rows))
	})
	return raw, centred, err
}

// each visits the stack [L, Out] of B at every checkpoint, which visit may change.
func (s *stack) each(ctx context.Context, visit func(t int, rows [][]float64)) error {
	rows := make([][]float64, len(s.names))
	for t, x := range s.run.readers {
		if err := ctx.Err(); err != nil {
			return err
		}
		for l, name := range s.names {
			m, err := x.Module(name)
			if err != nil {
				return fmt.Errorf("phase: %w", err)
			}
			rows[l] = rows[l][:0]
			for _, v := range m.B {
				rows[l] = append(rows[l], float64(v))
			}
		}
		visit(t, rows)
	}
	return nil
}

// innerOf is the inner products of rows.
func innerOf(rows [][]float64) [][]float64 {
	return gramOf(len(rows), func(i, j int) float64 { return floats.Dot(rows[i], rows[j]) })
}

// gramsOfDelta takes ⟨ΔW_l(t), ΔW_m(u)⟩ of all layers and checkpoints, from which
// the means come off as they do in a double-centred Gram matrix.
func (s *stack) gramsOfDelta(ctx context.Context) (raw, centred [][][]float64, err error) {
	var all []lora.Module // by checkpoint, then layer
	for _, x := range s.run.readers {
		for _, name := range s.names {
			m, err := x.Module(name)
			if err != nil {
				return nil, nil, fmt.Errorf("phase: %w", err)
			}
			all = append(all, m)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	g := gramOf(len(all), func(i, j int) float64 { return lora.Inner(&all[i], &all[j]) })
	n, l := len(s.run.steps), len(s.names)
	withMean, mean := meanOver(g, n, l)
	for t := range n {
		r, c := square(l), square(l)
		for i := range l {
			for j := range l {
				r[i][j] = g[t*l+i][t*l+j]
				c[i][j] = r[i][j] - withMean[t*l+i][j] - withMean[t*l+j][i] + mean[i][j]
			}
		}
		raw, centred = append(raw, r), append(centred, c)
	}
	return raw, centred, nil
}

// meanOver averages g, over n checkpoints of l rows each, in its second place
// (withMean, ⟨row, mean of row j⟩) and in both.
func meanOver(g [][]float64, n, l int) (withMean, mean [][]float64) {
	mean = square(l)
	for a := range g {
		row := make([]float64, l)
		for b, v := range g[a] {
			row[b%l] += v / float64(n)
		}
		for j, v := range row {
			mean[a%l][j] += v / float64(n)
		}
		withMean = append(withMean, row)
	}
	return withMean, mean
}
