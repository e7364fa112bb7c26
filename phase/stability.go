package phase

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
	"agar/model/stats"
)

// Robustness is how the loss of one checkpoint depends on the size of its adapter
// and on its direction (2602.07852: the general solution has the lower loss at equal
// norm, the narrow one degrades faster).
type Robustness struct {
	Step      int      `json:"step"`
	On        string   `json:"on"`
	Documents int      `json:"documents"`
	Tokens    int      `json:"tokens"`
	BaseLoss  Interval `json:"base_loss"`
	Loss      Interval `json:"loss"` // of the checkpoint as it is
	// Norm is the mean over modules of ‖ΔW‖ = s·‖BA‖, the scale s included: adapters of
	// different α/r can be compared. NormWithoutScale is the published "effective norm"
	// ‖BA‖, which leaves it out and compares only within one adapter.
	Norm             Number           `json:"norm"`
	NormWithoutScale Number           `json:"norm_without_scale"`
	Efficiency       []EfficiencyAt   `json:"efficiency"` // by fraction
	Stability        []StabilityCurve `json:"stability"`  // A, B and both
}

// EfficiencyAt is the loss with every ΔW scaled to a fraction of its norm.
type EfficiencyAt struct {
	Fraction float64  `json:"fraction"`
	Norm     Number   `json:"norm"` // mean over modules, scale included
	Loss     Interval `json:"loss"`
}

// StabilityCurve is the change of the loss under perturbations of some factors.
type StabilityCurve struct {
	Of string        `json:"of"` // a, b or both
	At []StabilityAt `json:"at"` // by ε
}

// StabilityAt is the change of loss at one ε over the draws, null interval for one.
type StabilityAt struct {
	Epsilon   float64  `json:"epsilon"`
	DeltaLoss Interval `json:"delta_loss"` // nats a token; 95 % of Student's t over draws
	Draws     int      `json:"draws"`
}

// RobustnessOptions say what to try.
type RobustnessOptions struct {
	ProbeOptions           // Steps: the one checkpoint, nil: the last; Lambdas is not used
	Fractions    []float64 // of the norm; nil: 0, 0.1 … 2
	Epsilons     []float64 // of the perturbation, 0 to 1; nil: 0.1, 0.2, 0.3, 0.5, 0.7, 1
	Draws        int       // of the perturbation at each ε; 0: 5; negative: no perturbation
	Seed         uint64
}

func (o RobustnessOptions) filled() (RobustnessOptions, error) {
	var err error
	if o.ProbeOptions, err = o.ProbeOptions.filled(); err != nil {
		return o, err
	}
	if o.Fractions == nil {
		for i := range 21 {
			o.Fractions = append(o.Fractions, float64(i)/10)
		}
	}
	if o.Epsilons == nil {
		o.Epsilons = []float64{.1, .2, .3, .5, .7, 1}
	}
	for _, e := range o.Epsilons {
		if !(e >= 0 && e <= 1) {
			return o, fmt.Errorf("phase: stability: found ε = %v, expected 0 to 1", e)
		}
	}
	setDefault(&o.Draws, 5)
	o.Steps = o.Steps[len(o.Steps)-1:]
	return o, nil
}

// Robust measures efficiency and stability of one checkpoint, of a whole model
// efficiency alone: it has no factors to perturb.
func Robust(ctx context.Context, o RobustnessOptions) (*Robustness, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	s, documents, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	a, err := o.attach(o.Steps[0])
	if err != nil {
		return nil, err
	}
	if whole(a.LoRA()) {
		o.Draws = -1 // no factors that could be turned
	}
	r := &robust{RobustnessOptions: o, s: s, a: a}
	r.out = &Robustness{Step: o.Steps[0], On: o.On, Documents: documents, Tokens: len(s.target), Stability: []StabilityCurve{}}
	r.norms()
	if err := r.efficiency(ctx); err != nil {
		return nil, fmt.Errorf("phase: efficiency: %w", err)
	}
	if err := r.stability(ctx); err != nil {
		return nil, fmt.Errorf("phase: stability: %w", err)
	}
	return r.out, nil
}

// robust is one run of Robust.
type robust struct {
	RobustnessOptions
	s    *sweep
	a    *model.Adapter
	out  *Robustness
	loss []float32 // of the checkpoint as it is
}

func (r *robust) norms() {
	modules := r.a.LoRA().Modules
	if whole(r.a.LoRA()) {
		r.out.Norm, r.out.NormWithoutScale = Missing(), Missing()
		return
	}
	with, without := 0.0, 0.0
	for i := range modules {
		n := modules[i].NormDelta()
		with += n / float64(len(modules))
		without += n / math.Abs(modules[i].Scale) / float64(len(modules))
	}
	r.out.Norm, r.out.NormWithoutScale = Number(with), Number(without)
}

// efficiency scales the adapter: λ scales every ΔW, so a fraction of the norm is a
// dial.
func (r *robust) efficiency(ctx context.Context) error {
	base, err := r.s.loss(ctx, nil, 0)
	if err != nil {
		return err
	}
	if r.loss, err = r.s.loss(ctx, r.a, 1); err != nil {
		return err
	}
	r.out.BaseLoss, r.out.Loss = r.s.mean(base), r.s.mean(r.loss)
	for i, f := range r.Fractions {
		loss, err := r.s.loss(ctx, r.a, f)
		if err != nil {
			return err
		}
		r.out.Efficiency = append(r.out.Efficiency, EfficiencyAt{f, Number(f * float64(r.out.Norm)), r.s.mean(loss)})
		r.Progress.Emit(progress.Event{Stage: "efficiency", Step: int64(i + 1), Total: int64(len(r.Fractions)), Unit: "norms"})
	}
	return nil
}

// stability perturbs A, B and both.
func (r *robust) stability(ctx context.Context) error {
	if r.Draws < 0 {
		return nil
	}
	done, total := 0, 3*len(r.Epsilons)
	for i, of := range []string{"a", "b", "both"} {
		curve := StabilityCurve{Of: of}
		for _, e := range r.Epsilons {
			at, err := r.perturbed(ctx, of, e, rand.New(rand.NewPCG(r.Seed, uint64(i))))
			if err != nil {
				return err
			}
			curve.At = append(curve.At, at)
			done++
			r.Progress.Emit(progress.Event{Stage: "stability", Step: int64(done), Total: int64(total), Unit: "perturbations"})
		}
		r.out.Stability = append(r.out.Stability, curve)
	}
	return nil
}

// perturbed is the mean change of loss over the draws at one ε.
func (r *robust) perturbed(ctx context.Context, of string, e float64, rng *rand.Rand) (StabilityAt, error) {
	var changes []float64
	for range r.Draws {
		l := perturb(r.a.LoRA(), of, e, rng)
		a, err := r.Model.Attach(l, model.AttachOptions{AllowZero: true})
		if err != nil {
			return StabilityAt{}, err
		}
		loss, err := r.s.loss(ctx, a, 1)
		if err != nil {
			return StabilityAt{}, err
		}
		changes = append(changes, meanOf(loss)-meanOf(r.loss))
	}
	m := stats.ClusterMean(changes, nil)
	return StabilityAt{e, Interval{Number(m.Value), Number(m.Lo), Number(m.Hi)}, len(changes)}, nil
}

// perturb is a copy of an adapter whose A, B or both are turned by ε: x' =
// √(1−ε²)·x + ε·y with y ⟂ x as flattened matrices and ‖y‖ = ‖x‖, so ‖x'‖ = ‖x‖.
func perturb(l *lora.Adapter, of string, e float64, rng *rand.Rand) *lora.Adapter {
	out := *l
	out.Modules = slices.Clone(l.Modules)
	for i := range out.Modules {
		m := &out.Modules[i]
		if of != "b" {
			m.A = turned(m.A, e, rng)
		}
		if of != "a" {
			m.B = turned(m.B, e, rng)
		}
	}
	return &out
}

// turned is x turned by ε towards a random direction at right angles to it. One
// number alone has no such direction and stays.
func turned(x []float32, e float64, rng *rand.Rand) []float32 {
	y := make([]float32, len(x))
	for i := range y {
		y[i] = float32(rng.NormFloat64())
	}
	xx := lora.Dot(x, x)
	if len(x) < 2 || xx == 0 {
		return slices.Clone(x)
	}
	along := lora.Dot(x, y) / xx
	for i, v := range x {
		y[i] -= float32(along * float64(v))
	}
	scale := e * math.Sqrt(xx/lora.Dot(y, y))
	keep := math.Sqrt(1 - e*e)
	for i, v := range x {
		y[i] = float32(keep*float64(v) + scale*float64(y[i]))
	}
	return y
}
