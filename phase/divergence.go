package phase

import (
	"context"
	"errors"
	"fmt"
	"math"

	"agar/activations"
	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
)

// Divergence is how far the model has moved from its base, and how well it fits
// what it was trained on, at every checkpoint and dial, on fixed tokens.
type Divergence struct {
	On        string         `json:"on"`        // answers or text
	Documents int            `json:"documents"` // that the tokens are of
	Tokens    int            `json:"tokens"`    // predicted, of each state
	BaseLoss  Interval       `json:"base_loss"` // of the base on the same tokens
	Lambda    float64        `json:"lambda"`    // the dial of the columns of checkpoints
	At        []DivergenceAt `json:"at"`        // by step, then λ
}

// DivergenceAt is one state. All are means a token in nats, with a 95 % interval
// over documents.
type DivergenceAt struct {
	Step   int     `json:"step"`
	Lambda float64 `json:"lambda"`
	// KLModelBase is KL(model‖base) = Σ_v p_model·(log p_model − log p_base), KLBaseModel
	// the other direction, summed over the vocabulary.
	KLModelBase Interval `json:"kl_model_base"`
	KLBaseModel Interval `json:"kl_base_model"`
	Loss        Interval `json:"loss"` // −log p of the tokens
	NormDelta   Number   `json:"norm"` // λ·‖ΔW‖
}

// ProbeOptions say on what a model is probed. Zero values mean what is said beside
// them.
type ProbeOptions struct {
	Model   *model.Model
	Series  *lora.Series // of adapters, or of whole models (model.OpenRun), one of which is in memory at a time
	Docs    activations.Documents
	On      string    // OnAnswers or OnText; "": OnAnswers
	Steps   []int     // checkpoints to visit; nil: all
	Lambdas []float64 // dials; nil: 1
	Context int       // longest window of a document in tokens; 0: 512
	Tokens  int       // stop taking documents once so many tokens count; 0: 4,096

	Progress progress.Func
}

func (o ProbeOptions) filled() (ProbeOptions, error) {
	if o.Model == nil || o.Series == nil || o.Docs == nil {
		return o, errors.New("phase: probe: expected a model, a series and documents")
	}
	if o.On == "" {
		o.On = OnAnswers
	}
	if o.On != OnAnswers && o.On != OnText {
		return o, fmt.Errorf("phase: probe: found %q, expected %s or %s", o.On, OnAnswers, OnText)
	}
	if err := visits(o.Series, &o.Steps, &o.Lambdas); err != nil {
		return o, fmt.Errorf("phase: probe: %w", err)
	}
	setDefault(&o.Context, 512)
	setDefault(&o.Tokens, 4096)
	o.Context = min(o.Context, o.Model.Spec.MaxPos)
	return o, nil
}

// open reads the tokens and prepares the sweep. Special tokens count: the one that
// ends an answer is trained on.
func (o *ProbeOptions) open(ctx context.Context) (*sweep, int, error) {
	ws, err := texts{o.Docs, o.Model.Tokenizer, o.On, o.Context, o.Tokens, true}.windows()
	if err != nil {
		return nil, 0, fmt.Errorf("phase: probe: %w", err)
	}
	last, err := o.attach(o.Steps[len(o.Steps)-1])
	if err != nil {
		return nil, 0, err
	}
	documents := map[int32]bool{}
	for _, w := range ws {
		documents[w.doc] = true
	}
	s, err := newSweep(ctx, o.Model, ws, max(last.FirstLayer(), 0))
	if err != nil {
		return nil, 0, fmt.Errorf("phase: probe: %w", err)
	}
	return s, len(documents), nil
}

// attach loads and attaches the checkpoint of a step.
func (o *ProbeOptions) attach(step int) (*model.Adapter, error) {
	c, err := o.Series.At(step)
	if err != nil {
		return nil, fmt.Errorf("phase: probe: %w", err)
	}
	a, err := o.Model.AttachCheckpoint(c.Dir, model.AttachOptions{AllowZero: true})
	if err != nil {
		return nil, fmt.Errorf("phase: probe: %w", err)
	}
	return a, nil
}

// Diverge measures both KL divergences between the model and its base and the loss
// at every checkpoint and dial. The blocks before the first adapted one, and all of
// the base, run once.
func Diverge(ctx context.Context, o ProbeOptions) (*Divergence, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	s, documents, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	base, err := s.loss(ctx, nil, 0)
	if err != nil {
		return nil, fmt.Errorf("phase: probe: %w", err)
	}
	d := &Divergence{On: o.On, Documents: documents, Tokens: len(s.target), BaseLoss: s.mean(base), Lambda: nearestOne(o.Lambdas)}
	for i, step := range o.Steps {
		a, err := o.attach(step)
		if err != nil {
			return nil, err
		}
		if first := max(a.FirstLayer(), 0); first < s.first && !a.LoRA().Zero() {
			return nil, fmt.Errorf("phase: probe: %s adapts block %d, the last checkpoint none before %d", a.LoRA().Dir, first, s.first)
		}
		for _, lambda := range o.Lambdas {
			c, err := s.compare(ctx, a, lambda)
			if err != nil {
				return nil, fmt.Errorf("phase: probe: step %d, λ = %g: %w", step, lambda, err)
			}
			d.At = append(d.At, DivergenceAt{step, lambda, s.mean(c.AdaptedBase), s.mean(c.BaseAdapted), s.mean(c.Adapted), Number(math.Abs(lambda) * normOf(a.LoRA()))})
		}
		o.Progress.Emit(progress.Event{Stage: "kl", Step: int64(i + 1), Total: int64(len(o.Steps)), Unit: "checkpoints"})
	}
	return d, nil
}

// normOf is ‖ΔW‖ of all modules together; missing of a whole model, whose ΔW is not
// known without the base's weights.
func normOf(l *lora.Adapter) float64 {
	if whole(l) {
		return float64(Missing())
	}
	sum := 0.0
	for i := range l.Modules {
		n := l.Modules[i].NormDelta()
		sum += n * n
	}
	return math.Sqrt(sum)
}

// whole tells whether a checkpoint is a model that was fine-tuned in full.
func whole(l *lora.Adapter) bool { return len(l.Modules) == 0 && len(l.Saved) > 0 }

// AddDivergence puts what Diverge measured beside the checkpoints, and the norms of
// whole models beside what was measured.
func (r *Report) AddDivergence(d *Divergence) {
	r.Divergence = d
	for i := range d.At {
		if x := &d.At[i]; !x.NormDelta.OK() {
			if c, ok := r.at(x.Step); ok {
				x.NormDelta = Number(math.Abs(x.Lambda)) * c.norm()
			}
		}
	}
	for _, x := range d.At {
		if c, ok := r.at(x.Step); ok && x.Lambda == d.Lambda {
			c.KLModelBase, c.KLBaseModel, c.ProbeLoss = x.KLModelBase.Value, x.KLBaseModel.Value, x.Loss.Value
		}
	}
}

// norm is ‖ΔW‖ over all modules of a checkpoint.
func (c *CheckpointRow) norm() Number {
	switch {
	case c.Combined != nil:
		return c.Combined.NormDelta
	case len(c.Modules) == 1:
		return c.Modules[0].NormDelta
	}
	return Missing()
}

// AddRobustness puts what Robust measured into the report, with the norms of a whole
// model's matrices.
func (r *Report) AddRobustness(x *Robustness) {
	r.Robustness = x
	c, ok := r.at(x.Step)
	if x.Norm.OK() || !ok || len(c.Modules) == 0 {
		return
	}
	x.Norm = 0
	for _, m := range c.Modules {
		x.Norm += m.NormDelta / Number(len(c.Modules))
	}
	for i := range x.Efficiency {
		x.Efficiency[i].Norm = Number(x.Efficiency[i].Fraction) * x.Norm
	}
}
