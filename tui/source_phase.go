package tui

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"agar/phase"
)

// phaseSource answers from a report, which it makes of a run when there is none.
type phaseSource struct {
	path string // of the report, or of the run
	run  string // "" when there is a report
	// judged is where behaviour is read, "": from the run.
	judged string

	mu     sync.Mutex
	report *phase.Report
}

// load is the report; the first call on a bare run analyses it.
func (s *phaseSource) load(ctx context.Context) (*phase.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.report != nil {
		return s.report, nil
	}
	_, rep, err := phase.AnalyseRun(ctx, s.run, phase.Options{NoHashes: true})
	if err == nil {
		err = addBehaviour(rep, cmp.Or(s.judged, s.run))
	}
	if err != nil {
		return nil, fmt.Errorf("tui: %w", err)
	}
	s.report = rep
	return rep, nil
}

// Phase is the report as the scrubber shows it.
func (s *phaseSource) Phase(ctx context.Context, q PhaseQuery) (Phase, error) {
	rep, err := s.load(ctx)
	if err != nil {
		return Phase{}, err
	}
	v := phaseView{rep: rep, p: Phase{Run: rep.Run, Source: s.path}}
	if s.run != "" {
		v.p.Source = s.path + " (computed on opening)"
	}
	v.choose(q)
	v.events()
	v.log()
	v.rows()
	v.notes()
	v.curves()
	return v.p, nil
}

// phaseView makes a Phase of a report.
type phaseView struct {
	rep *phase.Report
	p   Phase
}

// choose fixes module and k: those asked for when the report has them, else those
// of the strongest turn, else the first.
func (v *phaseView) choose(q PhaseQuery) {
	for _, m := range v.rep.Modules {
		v.p.Modules = append(v.p.Modules, m.Name)
	}
	v.p.Ks = append(append(v.p.Ks, v.rep.Ks...), v.rep.DebiasedKs...)
	slices.Sort(v.p.Ks)
	v.p.Ks = slices.Compact(v.p.Ks)
	module, k := "", 0
	for _, ev := range v.rep.Events {
		if ev.Kind == phase.KindTurn && module == "" {
			module, k = ev.Module, ev.K
		}
	}
	v.p.Module = pick(v.p.Modules, q.Module, module)
	v.windows()
	v.p.K = pick(v.p.Ks, q.K, k, first(v.p.DebiasedKs), shared(v.rep.Ks, v.rep.DebiasedKs))
	v.p.TurnK, v.p.DebiasedK = nearest(v.rep.Ks, v.p.K), nearest(v.rep.DebiasedKs, v.p.K)
}

// pick is the first of wishes that have holds, else the first of have.
func pick[T comparable](have []T, wishes ...T) (v T) {
	for _, w := range wishes {
		if slices.Contains(have, w) {
			return w
		}
	}
	if len(have) > 0 {
		return have[0]
	}
	return v
}

// nearest is the element of v nearest to k, 0 when v is empty.
func nearest(v []int, k int) int {
	if len(v) == 0 {
		return 0
	}
	return slices.MinFunc(v, func(a, b int) int { return max(a-k, k-a) - max(b-k, k-b) })
}

// first is the first element of v, 0 when it is empty.
func first(v []int) int {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// shared is the first element of a that b has too, 0 when there is none.
func shared(a, b []int) int {
	for _, x := range a {
		if slices.Contains(b, x) {
			return x
		}
	}
	return 0
}

func (v *phaseView) events() {
	for _, e := range v.rep.Events {
		v.p.Events = append(v.p.Events, Event{
			Kind: e.Kind, Measure: e.Measure, Unit: e.Unit, Module: e.Module, Step: e.Step, Statistic: float64(e.Statistic), SE: float64(e.SE),
			Lo: float64(e.Interval[0]), Hi: float64(e.Interval[1]), Agreement: agreement(e),
		})
	}
	slices.SortStableFunc(v.p.Events, func(a, b Event) int { return a.Step - b.Step })
}

// agreement says which windows and modules show a turn, which measures a change of
// behaviour, and what the benign twin shows there.
func agreement(e phase.Event) string {
	var parts []string
	switch {
	case e.Kind == phase.KindBehaviour:
		parts = append(parts, fmt.Sprintf("%s, %s, within %d–%d", strings.Join(e.Agreement.Measures, " and "), e.Unit, e.Interval[0], e.Interval[1]))
	case e.Kind == phase.KindTurn && len(e.Agreement.Ks) > 0:
		s := fmt.Sprintf("seen at k %s, %d of %d", intList(e.Agreement.Ks), len(e.Agreement.Ks), e.Agreement.OfKs)
		if n := len(e.Agreement.Modules); n > 1 {
			s += fmt.Sprintf(", in %d modules", n)
		}
		parts = append(parts, s)
	}
	if e.Twin != nil {
		parts = append(parts, e.Twin.Label)
	}
	return strings.Join(parts, " · ")
}

// log takes the trainer's rows, or the checkpoints' where there are none.
func (v *phaseView) log() {
	for _, r := range v.rep.Log {
		v.p.LogSteps = append(v.p.LogSteps, r.Step)
		v.p.Loss = append(v.p.Loss, float64(r.Loss))
		v.p.GradNorm = append(v.p.GradNorm, float64(r.GradNorm))
	}
	if len(v.rep.Log) > 0 {
		return
	}
	for _, c := range v.rep.Checkpoints {
		v.p.LogSteps = append(v.p.LogSteps, c.Step)
		v.p.Loss = append(v.p.Loss, float64(c.Loss))
		v.p.GradNorm = append(v.p.GradNorm, float64(c.GradNorm))
	}
}

// rows takes the checkpoints of the module.
func (v *phaseView) rows() {
	for i := range v.rep.Checkpoints {
		c := &v.rep.Checkpoints[i]
		m := moduleOf(c, v.p.Module)
		v.p.Steps = append(v.p.Steps, c.Step)
		v.p.NormDelta = append(v.p.NormDelta, float64(m.NormDelta))
		v.p.Turn = append(v.p.Turn, lookup(m.Turn, v.p.TurnK))
		est, ok := m.Debiased[v.p.DebiasedK]
		if !ok {
			est = phase.Estimate{Value: phase.Missing(), SE: phase.Missing()}
		}
		v.p.Debiased = append(v.p.Debiased, float64(est.Value))
		v.p.SE = append(v.p.SE, float64(est.SE))
		v.p.PC1 = append(v.p.PC1, component(c, 0))
		v.p.PC2 = append(v.p.PC2, component(c, 1))
	}
}

// windows finds out at which k the angles have values, and whether they have
// enough at one for a turn to be looked for.
func (v *phaseView) windows() {
	turn, debiased, values := map[int]bool{}, map[int]bool{}, map[string]int{}
	for i := range v.rep.Checkpoints {
		for _, m := range v.rep.Checkpoints[i].Modules {
			for k, est := range m.Debiased {
				if math.IsNaN(float64(est.Value)) {
					continue
				}
				at := fmt.Sprint(m.Name, k)
				values[at]++
				v.p.Looked = v.p.Looked || values[at] >= phase.MinWindows
				debiased[k] = debiased[k] || m.Name == v.p.Module
			}
			for k, angle := range m.Turn {
				turn[k] = turn[k] || m.Name == v.p.Module && !math.IsNaN(float64(angle))
			}
		}
	}
	v.p.TurnKs, v.p.DebiasedKs = having(turn), having(debiased)
}

// having are the keys that are true, in order.
func having(m map[int]bool) (out []int) {
	for k, ok := range m {
		if ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func lookup(m map[int]phase.Number, k int) float64 {
	if v, ok := m[k]; ok {
		return float64(v)
	}
	return math.NaN()
}

func component(c *phase.CheckpointRow, i int) float64 {
	if i >= len(c.PCA) {
		return math.NaN()
	}
	return float64(c.PCA[i])
}

// moduleOf is a module's row at a checkpoint; a row of missing values when it has
// none.
func moduleOf(c *phase.CheckpointRow, name string) *phase.ModuleRow {
	for i := range c.Modules {
		if c.Modules[i].Name == name {
			return &c.Modules[i]
		}
	}
	if c.Combined != nil && name == phase.Combined {
		return c.Combined
	}
	return &phase.ModuleRow{NormDelta: phase.Missing()}
}

func (v *phaseView) notes() {
	v.p.Median = math.NaN()
	for _, m := range v.rep.Modules {
		if m.Name != v.p.Module {
			continue
		}
		v.p.Median = float64(m.Noise.MedianDeg)
		if m.Noise.Dominated {
			v.p.Notes = append(v.p.Notes, fmt.Sprintf("noise-dominated: the median plain angle at k = %d is %s", m.Noise.K, degrees(v.p.Median)))
		}
	}
	for i := range min(len(v.rep.PCA.Ratios), 2) {
		v.p.Ratio[i] = float64(v.rep.PCA.Ratios[i])
	}
	if x := v.rep.PCA.PC2Extremum; x != nil {
		v.p.Notes = append(v.p.Notes, fmt.Sprintf("PC2 turns round at %d; a featureless arc with these steps would at %d", x.Step, x.FeaturelessArc))
	}
	v.p.Notes = append(v.p.Notes, v.rep.Warnings...)
}
