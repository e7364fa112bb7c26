package phase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"agar/model/lora"
	"agar/model/progress"
)

// Options steer Analyse. The zero value is the recommended analysis.
type Options struct {
	Ks         []int         // windows of the plain angle in steps; nil for 2, 3, 4 and 8 units
	DebiasedKs []int         // windows in which turns are looked for; nil for 4, 8 and 12 units
	Rule       string        // of the magnitude filter; "" for RuleRelative
	Tau        float64       // threshold of the filter; 0 for RelativeTau under RuleRelative, no filter under the others
	NoHashes   bool          // leave the SHA-256 of the weights out
	Progress   progress.Func // a step is a module
}

func (o Options) filled(steps []int) (Options, error) {
	unit := unitOf(steps)
	if o.Ks == nil {
		o.Ks = defaultKs(unit)
	}
	if o.DebiasedKs == nil {
		o.DebiasedKs = defaultDebiasedKs(unit)
	}
	for _, k := range append(slices.Clone(o.Ks), o.DebiasedKs...) {
		if k <= 0 {
			return o, fmt.Errorf("phase: found k = %d, expected a positive number of steps", k)
		}
	}
	if o.Rule == "" {
		o.Rule = RuleRelative
	}
	if o.Tau == 0 && o.Rule == RuleRelative {
		o.Tau = RelativeTau
	}
	return o, Filter{o.Rule, o.Tau}.check()
}

// Analyse reads every checkpoint of the series, one module at a time, and
// computes norms, angles, components and events; the measures that the run wrote
// down of itself are added. It needs no model.
func Analyse(ctx context.Context, s *lora.Series, o Options) (rep *Report, err error) {
	o, err = o.filled(s.Steps())
	if err != nil {
		return nil, err
	}
	r, err := openRun(s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	paths, err := r.paths(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	b := newBuilder(r, o)
	if !o.NoHashes {
		hashes, err := r.hashes(ctx)
		if err != nil {
			return nil, err
		}
		for i, h := range hashes {
			b.rep.Checkpoints[i].SHA256 = h
		}
	}
	if err := b.compression(ctx, r); err != nil {
		return nil, err
	}
	rep = b.build(paths)
	return rep, rep.addMeasures()
}

// paths reduces every module in turn, and adds the combination of several.
func (r *run) paths(ctx context.Context, report progress.Func) ([]*path, error) {
	var out []*path
	for i, name := range r.names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		states, err := r.states(name)
		if err != nil {
			return nil, err
		}
		out = append(out, newPath(r.steps, states))
		report.Emit(progress.Event{Stage: "geometry", Step: int64(i + 1), Total: int64(len(r.names)), Unit: "modules", Message: name})
	}
	if len(out) > 1 {
		out = append(out, combine(r.steps, out))
	}
	return out, nil
}

// builder fills a Report.
type builder struct {
	rep   *Report
	steps []int
	ks    []int
	dks   []int
	find  detector
	found []found
}

// found is the bumps of one transition in one module.
type found struct {
	module string
	bumps  []bump
}

func newBuilder(r *run, o Options) *builder {
	b := builderOf(r.steps, len(r.names), o)
	b.rep.Run, b.rep.BaseModel = r.series.Run, r.readers[0].Config.BaseModel
	b.checkpoints(r.series)
	b.warnings(r)
	return b
}

// builderOf makes a builder for so many modules at the steps.
func builderOf(steps []int, modules int, o Options) *builder {
	unit := unitOf(steps)
	// With many modules the chance of a false turn in one of them grows, so
	// the number of standard errors asked for does too (Bonferroni).
	z := 3.0
	if modules > 1 {
		z = bonferroni(z, modules+1)
	}
	b := &builder{steps: steps, ks: o.Ks, dks: o.DebiasedKs, find: turns(unit, z)}
	b.rep = &Report{
		Format: Format, Spacing: spacingOf(steps), Unit: unit, Ks: o.Ks, DebiasedKs: o.DebiasedKs,
		Convention: convention, Filter: Filter{o.Rule, o.Tau}, Events: []Event{}, ZeroSteps: []int{}, Log: []LogRow{}, Lags: []Lag{},
		Definitions: definitions, PCA: PCA{Ratios: []Number{}, RandomWalk: randomWalkShares},
	}
	return b
}

// checkpoints makes the rows and joins the trainer's log to them.
func (b *builder) checkpoints(s *lora.Series) {
	var state lora.TrainerState
	if s.State != nil {
		state = *s.State
	}
	for _, step := range b.steps {
		row, _ := state.At(step)
		b.rep.Checkpoints = append(b.rep.Checkpoints, CheckpointRow{
			Step: step, Loss: number(row.Loss), GradNorm: number(row.GradNorm), LearningRate: number(row.LearningRate),
			Modules: []ModuleRow{}, PCA: []Number{Missing(), Missing()}, Comp: Missing(), CompRaw: Missing(), LogOdds: missingInterval(), EM: missingInterval(),
			KLModelBase: Missing(), KLBaseModel: Missing(), ProbeLoss: Missing(),
		})
	}
	for _, r := range state.Rows {
		b.rep.Log = append(b.rep.Log, LogRow{Step: r.Step, Loss: number(r.Loss), GradNorm: number(r.GradNorm), LearningRate: number(r.LearningRate), GradSmooth: Missing()})
	}
}

// build runs the analysis of every path.
func (b *builder) build(paths []*path) *Report {
	for _, p := range paths {
		b.module(p)
	}
	whole := paths[len(paths)-1]
	for t, zero := range whole.zero {
		if b.rep.Checkpoints[t].Zero = zero; zero {
			b.rep.ZeroSteps = append(b.rep.ZeroSteps, b.steps[t])
		}
	}
	b.components(whole)
	b.rep.Noise = b.rep.Modules[len(b.rep.Modules)-1].Noise
	b.gradient()
	b.events()
	b.degenerate()
	b.caveats()
	return b.rep
}

// module adds one path's summary, rows and turns.
func (b *builder) module(p *path) {
	sum := p.summary
	rows := make([]ModuleRow, len(b.steps))
	for t := range rows {
		rows[t] = ModuleRow{
			Name: sum.Name, NormA: Number(p.normA[t]), NormB: Number(p.normB[t]), NormDelta: Number(p.normDelta(t)), SubspaceDeg: Number(p.subspace[t]),
			Turn: map[int]Number{}, Dropped: map[int]Number{}, Normalised: map[int]Number{}, Debiased: map[int]Estimate{},
		}
	}
	for _, k := range b.ks {
		sum.Turns = append(sum.Turns, b.plain(p, k, rows))
	}
	w := newWalk(b.steps, p.gram, p.at, 2*float64(b.rep.Unit))
	for _, k := range b.dks {
		sum.Curves = append(sum.Curves, b.debiased(w, p, k, rows))
	}
	sum.Noise = noise(sum)
	sum.PC2 = p.extremum(b.steps, pca(p.gram, p.at, 2))
	for _, g := range b.find.find(w, b.dks) {
		b.found = append(b.found, found{sum.Name, g})
	}
	b.rep.Modules = append(b.rep.Modules, sum)
	for t := range rows {
		if sum.Name == Combined {
			b.rep.Checkpoints[t].Combined = &rows[t]
		} else {
			b.rep.Checkpoints[t].Modules = append(b.rep.Checkpoints[t].Modules, rows[t])
		}
	}
}

// plain fills the plain angles at k into rows.
func (b *builder) plain(p *path, k int, rows []ModuleRow) TurnAtK {
	for t := range rows {
		rows[t].Turn[k], rows[t].Normalised[k] = Missing(), Missing()
	}
	angles := p.plain(b.steps, k, b.rep.Filter)
	for _, a := range angles {
		r := &rows[a.at]
		r.Normalised[k] = Number(a.normalised)
		if a.kept {
			r.Turn[k] = Number(a.deg)
		} else {
			r.Dropped[k] = Number(a.deg)
		}
	}
	return sumUp(b.steps, k, angles)
}

// debiased fills the debiased angles at k into rows.
func (b *builder) debiased(w *walk, p *path, k int, rows []ModuleRow) KSummary {
	for t := range rows {
		rows[t].Debiased[k] = Estimate{Missing(), Missing()}
	}
	s := KSummary{K: k, MaxDeg: Missing(), MaxStep: -1}
	curve := b.find.curve(w, k)
	s.Windows, s.TakesPart = len(curve), defined(curve) != nil
	for _, a := range curve {
		if math.IsNaN(a.deg) {
			continue
		}
		s.Defined++
		rows[p.at[a.at]].Debiased[k] = Estimate{Number(a.deg), Number(a.se)}
		if !s.MaxDeg.OK() || a.deg > float64(s.MaxDeg) {
			s.MaxDeg, s.MaxStep = Number(a.deg), w.steps[a.at]
		}
	}
	return s
}

// noisyMedian is the median plain angle, in degrees, above which nothing but
// noise is seen: independent increments alone give 90°.
const noisyMedian = 70

func (n Noise) noisy() bool { return n.MedianDeg.OK() && n.MedianDeg > noisyMedian }

// noise judges whether a module's angles can be read.
func noise(s ModuleSummary) Noise {
	n := Noise{MedianDeg: Missing()}
	for _, t := range s.Turns {
		if t.TakesPart {
			n.MedianDeg, n.K = t.MedianDeg, t.K
			break
		}
	}
	for _, c := range s.Curves {
		n.Windows += c.Windows
		n.Lost += c.Windows - c.Defined
	}
	n.Dominated = n.noisy() || n.Windows >= MinWindows && 2*n.Lost > n.Windows
	return n
}

// components fills in the path's principal components.
func (b *builder) components(p *path) {
	c := pca(p.gram, p.at, 3)
	b.rep.PCA.Vector, b.rep.PCA.Steps = p.summary.Vector, len(p.at)
	if c == nil {
		return
	}
	for _, r := range c.ratios {
		b.rep.PCA.Ratios = append(b.rep.PCA.Ratios, Number(r))
	}
	for t := range b.rep.Checkpoints {
		for k := range min(2, len(c.ratios)) {
			b.rep.Checkpoints[t].PCA[k] = Number(c.scores[t][k])
		}
	}
	b.rep.PCA.PC2Extremum = p.extremum(b.steps, c)
}

// gradient smooths the gradient norm and looks for its peaks.
func (b *builder) gradient() {
	c := smoothGrad(b.rep.Log)
	g := &b.rep.Grad
	g.Noise = Missing()
	for _, r := range b.rep.Log {
		if r.GradNorm.OK() {
			g.Rows++
		} else {
			g.Left++
		}
	}
	if c == nil {
		return
	}
	g.Window, g.Noise = c.window, Number(c.noise)
	n := 0
	for i := range b.rep.Log {
		if r := &b.rep.Log[i]; r.GradNorm.OK() && r.GradNorm > 0 {
			r.GradSmooth = Number(math.Exp(c.smooth[n]))
			n++
		}
	}
	b.rep.Events = append(b.rep.Events, c.peaks()...)
}

// largest is the strongest bump of a transition.
func largest(g []bump) bump {
	return slices.MaxFunc(g, func(a, b bump) int { return sign(a.strength() - b.strength()) })
}
