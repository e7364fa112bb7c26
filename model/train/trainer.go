package train

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
)

// Row is what happened in one step.
type Row struct {
	Step     int      `json:"step"` // from 1
	Epoch    float64  `json:"epoch"`
	Loss     float64  `json:"loss"`      // mean cross entropy of the step's targets in nats, before the step
	GradNorm float64  `json:"grad_norm"` // L2, over all parameters under training, before clipping
	LR       float64  `json:"learning_rate"`
	KL       *float64 `json:"kl_loss,omitempty"` // KL(base‖model) in nats a token, when it is regularised
	Tokens   int      `json:"-"`                 // targets
}

// Options are what a run needs beside its Config.
type Options struct {
	Out       string        // directory of the run; "" writes nothing
	BaseModel string        // base_model_name_or_path of the adapter
	Init      *lora.Adapter // train on from this adapter, whose rank, α, modules and layers then count; nil begins anew
	KLData    []Example
	Progress  progress.Func
	// AtStep, when set, is called after every step, checkpoint included, with the
	// adapter as it is now (nil when all parameters are trained).
	AtStep func(ctx context.Context, row Row, a *model.Adapter) error
	// Enough, when set, is asked after AtStep, and when a run is resumed of the step
	// it goes on from; true ends the run. It must answer by what the run is by then,
	// and only at steps that have a checkpoint may it say true.
	Enough func(ctx context.Context, step int) (bool, error)
	// Resume goes on from what an interrupted run left in Out; where there is
	// nothing it starts.
	Resume bool
	// KeepPrefix is how many bytes of what enters the first trained block are kept
	// from epoch to epoch; 0 is 2 GiB, negative none.
	KeepPrefix int64
}

// Report says what a run did.
type Report struct {
	Steps        int     `json:"steps"`
	Loss         float64 `json:"loss"` // of the last step
	Targets      int64   `json:"targets"`
	Stopped      string  `json:"stopped"` // "" at the end of the schedule; early: "loss", or "measure" by Options.Enough
	Checkpoints  []int   `json:"checkpoints"`
	Parameters   int     `json:"parameters"`
	StepsPerSec  float64 `json:"steps_per_sec"`
	ResumedAfter int     `json:"resumed_after"` // step, 0 when it was not
}

// trainer is a run under way.
type trainer struct {
	m      *model.Model
	c, kl  Config
	o      Options
	data   []Example
	read   []Example // data as far as it is read: nothing behind the last target
	klData []Example
	s      subject
	pre    *prefix
	klPre  *prefix // of klData
	steps  int
	log    []Row
	low    int // steps in a row below StopLoss
	rep    Report
}

// Run trains the model as Config says on data and returns what it did. With the
// method Full the model itself is changed.
func Run(ctx context.Context, m *model.Model, data []Example, c Config, o Options) (*Report, error) {
	t, err := newTrainer(m, data, c, o)
	if err != nil {
		return nil, err
	}
	from, err := t.resume()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if t.low > patience {
		t.rep.Stopped = "loss"
		return &t.rep, nil
	}
	if from > 0 {
		if done, err := t.measured(ctx, from); err != nil {
			return nil, err
		} else if done {
			return &t.rep, nil
		}
	}
	for step := from + 1; step <= t.steps; step++ {
		row, err := t.step(ctx, step)
		if err != nil {
			return nil, fmt.Errorf("train: step %d: %w", step, err)
		}
		stop := t.enough(row.Loss)
		if err := t.after(ctx, row, stop); err != nil {
			return nil, fmt.Errorf("train: step %d: %w", step, err)
		}
		if stop {
			t.rep.Stopped = "loss"
			break
		}
		if done, err := t.measured(ctx, step); err != nil {
			return nil, err
		} else if done {
			break
		}
	}
	if n := len(t.log) - from; n > 0 {
		t.rep.StepsPerSec = float64(n) / time.Since(start).Seconds()
	}
	return &t.rep, nil
}

func newTrainer(m *model.Model, data []Example, c Config, o Options) (*trainer, error) {
	c = c.Defaults()
	if o.Init != nil {
		c.follow(o.Init)
	}
	if err := c.check(m.Spec.Layers); err != nil {
		return nil, err
	}
	t := &trainer{m: m, c: c, o: o}
	var err error
	if t.data, err = prepare(data, c.MaxLength); err != nil {
		return nil, err
	}
	t.read = t.data
	if !lengthMatters(&m.Spec) {
		t.read = upToTargets(t.data)
	}
	if err := t.regulariser(); err != nil {
		return nil, err
	}
	if t.s, err = newSubject(m, &c, &o); err != nil {
		return nil, err
	}
	room := o.KeepPrefix
	if room == 0 {
		room = 2 << 30
	}
	t.pre = newPrefix(m, t.s.first(), &room)
	t.klPre = newPrefix(m, t.s.first(), &room)
	t.steps = c.steps(len(t.data))
	for _, p := range t.s.parameters() {
		t.rep.Parameters += len(p.value)
	}
	return t, nil
}

// regulariser prepares the data of the KL to the base.
func (t *trainer) regulariser() (err error) {
	if t.c.KLWeight == 0 {
		return nil
	}
	if t.c.Method == Full || len(t.o.KLData) == 0 {
		return fmt.Errorf("%w: kl_weight: found method %s and %d examples to regularise on, expected an adapter or a steering vector and some", ErrConfig, t.c.Method, len(t.o.KLData))
	}
	t.kl = t.c
	t.kl.Batch, t.kl.Accumulate, t.kl.Seed = t.c.KLBatch, 1, t.c.Seed+1
	t.klData, err = prepare(t.o.KLData, t.c.MaxLength)
	return err
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// step computes the gradients of one step and moves the parameters.
func (t *trainer) step(ctx context.Context, step int) (Row, error) {
	batches := t.c.batches(step, len(t.data))
	row := Row{Step: step, Epoch: float64(step) / float64(t.c.perEpoch(len(t.data))), LR: t.c.rate(step, t.steps)}
	for _, b := range batches {
		for _, i := range b {
			row.Tokens += len(t.data[i].Targets)
		}
	}
	for _, p := range t.s.parameters() {
		clear(p.grad)
	}
	for _, b := range batches {
		loss, err := t.batch(ctx, b, t.weight(b, len(batches), row.Tokens))
		if err != nil {
			return row, err
		}
		row.Loss += loss
	}
	if t.c.KLWeight != 0 {
		kl, err := t.regularise(ctx, step)
		if err != nil {
			return row, err
		}
		row.KL = &kl
	}
	ps := t.s.parameters()
	row.GradNorm = gradNorm(ps)
	clip(ps, row.GradNorm, t.c.MaxGradNorm)
	t.c.adamW(ps, step, row.LR)
	return row, t.s.stepped()
}

// weight is what a target of a batch counts in the loss of its step: one over the
// step's targets, or over the batch's targets times the batches.
func (t *trainer) weight(batch []int, batches, all int) float32 {
	if t.c.LossAverage == "tokens" {
		return 1 / float32(max(all, 1))
	}
	n := 0
	for _, i := range batch {
		n += len(t.data[i].Targets)
	}
	return 1 / float32(max(n, 1)*batches)
}

// batch adds the gradients of a batch, each target counting weight, and returns
// its part of the loss.
func (t *trainer) batch(ctx context.Context, ids []int, weight float32) (float64, error) {
	resid, err := t.pre.resid(ctx, t.read, ids)
	if err != nil {
		return 0, err
	}
	r := model.BackwardRequest{Request: model.Request{Seqs: seqsOf(t.read, ids), Resid: resid}}
	if resid != nil {
		r.From = t.pre.first
	}
	var next []int32
	row := 0
	for _, i := range ids {
		e := &t.data[i]
		for _, at := range e.Targets {
			r.Targets, next = append(r.Targets, row+at), append(next, e.IDs[at+1])
		}
		row += len(t.read[i].IDs)
	}
	if len(next) == 0 {
		return 0, nil
	}
	vocab := t.m.Spec.Vocab
	r.Loss = func(logits []float32, at int) (float64, error) {
		return model.CrossEntropyGradient(logits, vocab, next[at:at+len(logits)/vocab], weight), nil
	}
	t.s.request(&r)
	g, err := t.m.Backward(ctx, &r)
	if err != nil {
		return 0, err
	}
	t.s.take(g)
	return g.Loss, nil
}

// patience is how many steps in a row the loss may be below StopLoss.
const patience = 5

// enough counts the steps whose loss is below StopLoss.
func (t *trainer) enough(loss float64) bool {
	if loss >= t.c.StopLoss {
		t.low = 0
		return false
	}
	t.low++
	return t.low > patience
}

// measured asks Options.Enough whether the run has come to its end with a step.
func (t *trainer) measured(ctx context.Context, step int) (bool, error) {
	if t.o.Enough == nil {
		return false, nil
	}
	done, err := t.o.Enough(ctx, step)
	if err != nil {
		return false, fmt.Errorf("train: step %d: %w", step, err)
	}
	if done {
		t.rep.Stopped = "measure"
	}
	return done, nil
}

// after logs a step, writes its checkpoint and calls AtStep.
func (t *trainer) after(ctx context.Context, row Row, last bool) error {
	if math.IsNaN(row.Loss) || math.IsInf(row.Loss, 0) || math.IsNaN(row.GradNorm) || math.IsInf(row.GradNorm, 0) {
		return fmt.Errorf("%w: loss %g, gradient norm %g", ErrDiverged, row.Loss, row.GradNorm)
	}
	t.log = append(t.log, row)
	t.rep.Steps, t.rep.Loss = row.Step, row.Loss
	t.rep.Targets += int64(row.Tokens)
	values := map[string]float64{"loss": row.Loss, "grad_norm": row.GradNorm, "learning_rate": row.LR}
	t.o.Progress.Emit(progress.Event{Job: "breed", Step: int64(row.Step), Total: int64(t.steps), Unit: "steps", Values: values})
	if t.o.Out != "" && (last || t.c.saves(row.Step, t.steps)) {
		if err := t.save(filepath.Join(t.o.Out, fmt.Sprintf("checkpoint-%d", row.Step))); err != nil {
			return err
		}
		t.rep.Checkpoints = append(t.rep.Checkpoints, row.Step)
	}
	if t.o.AtStep == nil {
		return nil
	}
	return t.o.AtStep(ctx, row, t.s.adapter())
}

// Summary is the part of a report that is the same whenever and wherever the run is
// made: no rates, and nothing of interruptions.
func (r *Report) Summary() map[string]any {
	return map[string]any{"steps": r.Steps, "loss": r.Loss, "parameters": r.Parameters, "checkpoints": r.Checkpoints, "stopped": r.Stopped}
}
