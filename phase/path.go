package phase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"agar/model/lora"
	"agar/model/safetensors"
	"agar/model/tensor"
)

// path is one module's states over the run, reduced to inner products.
type path struct {
	summary       ModuleSummary
	gram          [][]float64 // ⟨v_t, v_s⟩: B for rank 1, ΔW else
	delta         [][]float64 // ⟨ΔW_t, ΔW_s⟩
	factor        [][]float64 // ⟨A_t, A_s⟩ of the raw factors
	normA, normB  []float64
	subspace      []float64 // largest principal angle to the final column space, degrees
	zero          []bool    // v_t is zero
	at            []int     // indices of the checkpoints that are evenly spaced and not zero
	vectorIsDelta bool
}

// normDelta is ‖ΔW_t‖_F.
func (p *path) normDelta(t int) float64 { return math.Sqrt(max(p.delta[t][t], 0)) }

// run is a series opened for analysis.
type run struct {
	series  *lora.Series
	steps   []int
	readers []*lora.Reader
	names   []string
}

// openRun opens every checkpoint and checks that all hold the same modules.
func openRun(s *lora.Series) (r *run, err error) {
	r = &run{series: s, steps: s.Steps()}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	for i, c := range s.Checkpoints {
		reader, err := lora.Open(c.Dir)
		if err != nil {
			return r, err
		}
		r.readers = append(r.readers, reader)
		if i == 0 {
			r.names = reader.Names()
		}
		if d := unlike(r.readers[0], reader); d != "" {
			return r, fmt.Errorf("phase: %s: %s is not in both this checkpoint and %s", c.Dir, d, s.Checkpoints[0].Dir)
		}
	}
	return r, nil
}

// unlike names something that only one of two checkpoints has: a module, a
// parameter saved in full, or DoRA.
func unlike(a, b *lora.Reader) string {
	if d := firstDifference(a.Names(), b.Names()); d != "" {
		return "module " + d
	}
	x, y := a.SavedNames(), b.SavedNames()
	slices.Sort(x)
	slices.Sort(y)
	if d := firstDifference(x, y); d != "" {
		return "parameter " + d
	}
	if a.Config.DoRA != b.Config.DoRA {
		return "DoRA"
	}
	return ""
}

// firstDifference names an element that only one of two sorted lists has.
func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return b[i]
		case i >= len(b) || a[i] != b[i]:
			return a[i]
		}
	}
	return ""
}

func (r *run) close() error {
	var errs []error
	for _, x := range r.readers {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

// hashes gives the SHA-256 of every weights file.
func (r *run) hashes(ctx context.Context) ([]string, error) {
	out := make([]string, len(r.readers))
	for i, x := range r.readers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := safetensors.HashFile(x.File)
		if err != nil {
			return nil, fmt.Errorf("phase: %w", err)
		}
		out[i] = h
	}
	return out, nil
}

// states loads one module at every checkpoint. Shape and rank must not change.
func (r *run) states(name string) ([]lora.Module, error) {
	out := make([]lora.Module, len(r.readers))
	for i, x := range r.readers {
		m, err := x.Module(name)
		if err != nil {
			return nil, fmt.Errorf("phase: %w", err)
		}
		out[i] = m
		if f := out[0]; m.R != f.R || m.In != f.In || m.Out != f.Out || m.Scale != f.Scale {
			return nil, fmt.Errorf("phase: %s: module %s: found rank %d, [%d, %d], s = %g, expected rank %d, [%d, %d], s = %g as in %s",
				x.Dir, name, m.R, m.Out, m.In, m.Scale, f.R, f.Out, f.In, f.Scale, r.readers[0].Dir)
		}
	}
	return out, nil
}

// newPath reduces the states of a module to inner products.
func newPath(steps []int, states []lora.Module) *path {
	f := states[0]
	p := &path{
		summary: ModuleSummary{Name: f.Name, Layer: f.Layer, Rank: f.R, In: f.In, Out: f.Out, Scale: Number(f.Scale), Vector: "B"},
		delta:   gramOf(len(states), func(i, j int) float64 { return lora.Inner(&states[i], &states[j]) }),
		factor:  gramOf(len(states), func(i, j int) float64 { return lora.Dot(states[i].A, states[j].A) }),
	}
	if p.gram = p.delta; f.R == 1 {
		p.gram = gramOf(len(states), func(i, j int) float64 { return lora.Dot(states[i].B, states[j].B) })
	} else {
		p.summary.Vector, p.vectorIsDelta = "delta_w", true
	}
	for i := range states {
		p.normA = append(p.normA, states[i].NormA())
		p.normB = append(p.normB, states[i].NormB())
		p.zero = append(p.zero, states[i].Zero())
	}
	p.subspace = subspaceAngles(states)
	p.at = grid(steps, p.zero)
	return p
}

// combine puts modules side by side: their ΔW Gram matrices add up.
func combine(steps []int, paths []*path) *path {
	n := len(steps)
	p := &path{
		summary: ModuleSummary{Name: Combined, Layer: -1, Scale: Missing(), Vector: "delta_w"},
		delta:   square(n), factor: square(n), vectorIsDelta: true,
		normA: make([]float64, n), normB: make([]float64, n), zero: make([]bool, n), subspace: make([]float64, n),
	}
	for i := range n {
		zero := true
		for _, q := range paths {
			for j := range n {
				p.delta[i][j] += q.delta[i][j]
				p.factor[i][j] += q.factor[i][j]
			}
			p.normA[i] = math.Hypot(p.normA[i], q.normA[i])
			p.normB[i] = math.Hypot(p.normB[i], q.normB[i])
			zero = zero && q.zero[i]
		}
		p.zero[i], p.subspace[i] = zero, math.NaN()
	}
	for _, q := range paths {
		p.summary.Rank += q.summary.Rank
	}
	p.gram = p.delta
	p.at = grid(steps, p.zero)
	return p
}

// gramOf fills a symmetric n×n matrix over all cores.
func gramOf(n int, inner func(i, j int) float64) [][]float64 {
	g := square(n)
	tensor.Parallel(n, func(i int) {
		for j := range i + 1 {
			g[i][j] = inner(i, j)
		}
	})
	for i := range n {
		for j := range i {
			g[j][i] = g[i][j]
		}
	}
	return g
}
