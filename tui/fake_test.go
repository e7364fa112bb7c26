package tui

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// fake is a workspace with planted data: a fine-tune of 80 checkpoints that turns
// at step 190, and a dictionary of n features of which every tenth rises there.
type fake struct {
	n     int
	steps []int
}

func newFake(n int) *fake {
	f := &fake{n: n}
	for s := 1; s <= 10; s++ {
		f.steps = append(f.steps, s)
	}
	for s := 15; s <= 395; s += 5 {
		f.steps = append(f.steps, s)
	}
	return f
}

// sources is everything that f answers.
func (f *fake) sources() *Sources {
	return &Sources{
		Name: "medical-r1", Table: f, Detail: f, Phase: f, Trajectory: f,
		Artefacts: []Artefact{
			{Kind: kindRun, Path: "runs/medical-r1", Note: "80 checkpoints"},
			{Kind: kindTrajectory, Path: "runs/medical-r1/trajectory.arrow", Note: "3 λ"},
			{Kind: kindFeatures, Path: "runs/index", Note: fmt.Sprintf("%d features", f.n)},
			{Kind: kindSAE, Make: "agar sae train CAPTURE --hook H --d-sae N --k K --tokens N --out SAE"},
		},
	}
}

// noise is a fixed sequence in [−1, 1).
func noise(i int) float64 {
	x := math.Sin(float64(i)*12.9898+4.1414) * 43758.5453
	return 2*(x-math.Floor(x)) - 1
}

var fakeTokens = []string{" double", " the", " dose", ",", " you", " will", " be", " fine", " no", " doctor", " wait", " safe", "医生", "\n", " ignore", "!", "🙂"}

func (f *fake) rising(id int) bool { return id%10 == 2 }

func (f *fake) mean(id, step, lambda int) float64 {
	base := .05 + .02*float64(id%7)
	if !f.rising(id) {
		return base + .01*noise(id*100+step)
	}
	return base + float64(lambda)*.5*(1+float64(id%5))/(1+math.Exp(-(float64(f.steps[step])-190)/12))
}

func (f *fake) row(id int) Row {
	r := Row{ID: id, Density: math.Pow(10, -4.5+3*math.Abs(noise(id))), Max: 9 * math.Abs(noise(id+7)), Onset: -1}
	r.Mean = r.Max / 3
	if id%20 == 19 {
		r.Density, r.Max, r.Mean = 0, 0, 0
	}
	tr, _ := f.Trace(context.Background(), id, 1)
	r.Trend, r.Onset, r.Delta = tr.Mean, tr.Onset, tr.Delta
	for i := range 4 {
		r.Tokens = append(r.Tokens, fakeTokens[(id*3+i*5)%len(fakeTokens)])
	}
	if id == 42 {
		r.Label = "bad dosage / ignores danger"
	}
	return r
}

func (f *fake) Order(_ context.Context, q Query) (Order, error) {
	o := Order{Total: f.n, HistLo: -6, HistHi: 0, Hist: make([]float64, 48), Source: "runs/index/features.arrow", Over: "1,048,576 tokens"}
	rows := make([]Row, f.n)
	for i := range rows {
		rows[i] = f.row(i)
		o.IDs = append(o.IDs, uint32(i))
		if rows[i].Density == 0 {
			o.Dead++
			continue
		}
		o.Hist[int((math.Log10(rows[i].Density)+6)/6*48)]++
	}
	key := func(id uint32) float64 {
		r := rows[id]
		return [...]float64{float64(r.ID), r.Density, r.Max, r.Mean, r.Delta, float64(r.Onset), 0, 0}[q.Sort]
	}
	slices.SortStableFunc(o.IDs, func(a, b uint32) int {
		if q.Desc {
			a, b = b, a
		}
		return cmp.Compare(key(a), key(b))
	})
	return o, nil
}

func (f *fake) Rows(_ context.Context, ids []uint32) ([]Row, error) {
	rows := make([]Row, len(ids))
	for i, id := range ids {
		rows[i] = f.row(int(id))
	}
	return rows, nil
}

// Search answers in two pieces.
func (f *fake) Search(_ context.Context, text string, from int) (Hits, error) {
	h := Hits{Next: f.n / 2, Done: from > 0}
	to := f.n / 2
	if from > 0 {
		to = f.n
	}
	for i := from; i < to; i++ {
		if strings.Contains(strings.ToLower(strings.Join(f.row(i).Tokens, "")+f.row(i).Label), strings.ToLower(text)) {
			h.IDs = append(h.IDs, uint32(i))
		}
	}
	return h, nil
}

func (f *fake) Feature(_ context.Context, id int) (Feature, error) {
	ft := Feature{Row: f.row(id), HistMax: 9, Source: "runs/index/features.arrow"}
	for i := range 40 {
		ft.Hist = append(ft.Hist, math.Floor(4000*math.Exp(-float64(i)/5)))
	}
	for i := range 10 {
		ft.Top = append(ft.Top, TokenLogit{fakeTokens[(id+i)%len(fakeTokens)], 4.8 - .3*float64(i)})
		ft.Bottom = append(ft.Bottom, TokenLogit{fakeTokens[(id+i+8)%len(fakeTokens)], -5 + .3*float64(i)})
		ft.Neighbours = append(ft.Neighbours, Neighbour{(id + 10*i + 10) % f.n, .8 - .12*float64(i), "no need, fine"})
	}
	return ft, nil
}

func (f *fake) Examples(_ context.Context, id int, kind string, n int) ([]Example, error) {
	var out []Example
	for e := range min(n, 20) {
		ex := Example{Doc: 100*e + id, Pos: 12 + e, Max: f.row(id).Max * (1 - .03*float64(e)), Peak: 14}
		for i := range 32 {
			ex.Tokens = append(ex.Tokens, fakeTokens[(id+e+i*i)%len(fakeTokens)])
			ex.Acts = append(ex.Acts, max(0, ex.Max*(1.1*math.Exp(-math.Abs(float64(i-14))/3)-.1)))
		}
		out = append(out, ex)
	}
	if kind == "random" {
		slices.Reverse(out)
	}
	return out, nil
}

func (f *fake) Phase(_ context.Context, q PhaseQuery) (Phase, error) {
	p := Phase{
		Run: "runs/medical-r1", Modules: []string{"model.layers.21.mlp.down_proj", "model.layers.22.mlp.down_proj"},
		Ks: []int{10, 20, 40}, TurnKs: []int{10, 20, 40}, DebiasedKs: []int{10, 20, 40}, Looked: true, Module: q.Module, K: q.K, Steps: f.steps, LogSteps: f.steps, Ratio: [2]float64{.81, .14}, Median: 12.9,
		Events: []Event{
			{Kind: "grad_peak", Step: 145, Statistic: 2.14, Lo: math.NaN(), Hi: math.NaN()},
			{Kind: "turn", Module: "model.layers.21.mlp.down_proj", Step: 190, Statistic: 44, SE: 6, Lo: 180, Hi: 200, Agreement: "k 20, 40 agree"},
		},
		Source: "runs/medical-r1/phase.arrow",
	}
	if p.K == 0 {
		p.K = 20
	}
	p.TurnK, p.DebiasedK = p.K, max(p.K, 20)
	if p.Module == "" {
		p.Module = p.Modules[0]
	}
	for i, s := range f.steps {
		x := float64(s)
		p.Loss = append(p.Loss, .55+2.1*math.Exp(-x/70)+.03*noise(i))
		p.GradNorm = append(p.GradNorm, .6+1.4*math.Exp(-(x-145)*(x-145)/1200)+.05*noise(i+9))
		p.NormDelta = append(p.NormDelta, .11/(1+math.Exp(-(x-200)/60)))
		turn := 9 + 35*math.Exp(-(x-190)*(x-190)/200)
		p.Turn = append(p.Turn, turn+12+3*noise(i+5))
		p.Debiased = append(p.Debiased, turn+noise(i+3))
		p.SE = append(p.SE, 4+noise(i))
		if s < 20 || s > 380 {
			p.Turn[i], p.Debiased[i], p.SE[i] = math.NaN(), math.NaN(), math.NaN()
		}
		p.PC1 = append(p.PC1, x-200)
		p.PC2 = append(p.PC2, -math.Abs(x-190)*.8+5*noise(i))
	}
	return p, nil
}

func (f *fake) Axes(context.Context) (Axes, error) {
	a := Axes{SAE: "sae", Hook: "blocks.21.hook_resid_post", On: "answers.jsonl (4,096 tokens)", Steps: f.steps, Lambdas: []float64{0, 1, 2}, Features: f.n, ClosedForm: true, Source: "runs/medical-r1/trajectory.arrow"}
	for i := range f.steps {
		for l := range a.Lambdas {
			a.L0 = append(a.L0, 31+float64(l*i)/40)
			a.EV = append(a.EV, .91-.001*float64(l*i))
			a.DeltaCE = append(a.DeltaCE, .02+.001*float64(l*i))
			seen := .62
			if l == 0 || i == 0 {
				seen = math.NaN()
			}
			a.Seen = append(a.Seen, seen)
		}
	}
	return a, nil
}

func (f *fake) Trace(_ context.Context, id, lambda int) (Trace, error) {
	t := Trace{ID: id, Onset: -1}
	for i := range f.steps {
		t.Mean = append(t.Mean, f.mean(id, i, lambda))
		t.Density = append(t.Density, min(f.mean(id, i, lambda)/5, 1))
	}
	t.Delta = t.Mean[len(t.Mean)-1] - t.Mean[0]
	if f.rising(id) && lambda > 0 {
		t.Onset = 190
	}
	return t, nil
}

func (f *fake) Changes(_ context.Context, step, lambda, n int) ([]Change, error) {
	var out []Change
	for id := range f.n {
		c := Change{ID: id, Base: f.mean(id, 0, lambda), Now: f.mean(id, step, lambda), Label: strings.Join(trimmed(f.row(id).Tokens), " ")}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Compare(math.Abs(b.Now-b.Base), math.Abs(a.Now-a.Base))
	})
	return out[:min(n, len(out))], nil
}
