package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"

	"agar/activations/blob"
	"agar/activations/job"
	"agar/model/progress"
	"agar/model/tensor"
	"agar/sae"
	"agar/sae/formats"
)

// EventsFile holds a line of figures for every so many steps of a training. It
// stays when the training is done.
const EventsFile = "train.jsonl"

// RunOptions says how a training run is kept. The zero value of a field means
// the default named beside it.
type RunOptions struct {
	Command  []string       // for job.json
	Resume   bool           // go on in a directory that holds an unfinished run
	HeldOut  float64        // share of the documents, the last ones, not trained on; 0: a tenth; negative: none
	Metadata map[string]any // goes into cfg.json: model_name, hook_name and so on

	// Evaluate judges the finished dictionary before it is saved. What it returns
	// goes into cfg.json and sparsity.safetensors.
	Evaluate func(ctx context.Context, s *sae.SAE, split Split) (Judgement, error)

	LogEvery      int           // steps between lines of train.jsonl; 0: a hundredth of the run
	SnapshotEvery time.Duration // between saved states; 0: half a minute; negative: at every step
	Progress      progress.Func
}

// Judgement is what Evaluate found.
type Judgement struct {
	Metadata map[string]any // more keys of cfg.json
	Density  []float32      // share of tokens on which each feature fires; nil: no sparsity.safetensors
}

// Report says what a run did.
type Report struct {
	Out       string
	Config    Config
	Split     Split
	Tokens    int64   // trained on, repeats counted
	Epochs    float64 // Tokens over Split.Trained
	Scale     float64 // what activations were divided by
	Last      Stats   // of the last step, zero when nothing was left to do
	Dead      int     // features silent for Config.DeadSteps at the end
	Resumed   bool
	Finished  bool    // the directory held a finished dictionary, nothing was done
	PerSecond float64 // tokens a second of this process
}

// Run trains a dictionary on d and saves it in the directory out with
// train.jsonl. When ctx ends, the state is saved first, and a later Run with
// Resume goes on from there; however often that happens, files end
// byte-identical. A directory that holds a finished dictionary is left alone
// when Resume is set.
func Run(ctx context.Context, d Data, out string, o Options, ro RunOptions) (rep *Report, err error) {
	if ro.Resume && finished(out) {
		return &Report{Out: out, Finished: true}, nil
	}
	r := &run{d: d, out: out, o: o, ro: ro, rep: &Report{Out: out}}
	if err := r.plan(ctx); err != nil {
		return nil, err
	}
	if err := r.begin(); err != nil {
		return nil, err
	}
	err = r.work(ctx)
	return r.rep, r.job.End(err)
}

// finished says whether dir holds a whole dictionary, cfg.json being written
// last.
func finished(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, formats.ConfigFile))
	_, left := os.Stat(filepath.Join(dir, SnapshotFile))
	return err == nil && errors.Is(left, fs.ErrNotExist)
}

// run is a Run under way.
type run struct {
	d     Data
	out   string
	o     Options
	ro    RunOptions
	cfg   Config
	split Split
	rep   *Report
	job   *job.Job
	t     *Trainer
	feed  feed
	scale float32
	saved time.Time // of the last snapshot
	began time.Time
	first int // step at which this process began
}

// plan resolves the options against the data.
func (r *run) plan(ctx context.Context) error {
	src, err := r.d.Ordered()
	if err != nil {
		return err
	}
	if r.cfg, err = r.o.Resolve(src.Dim()); err != nil {
		return err
	}
	share := or(r.ro.HeldOut, 0.1)
	if r.split, err = SplitOf(ctx, r.d, share); err != nil {
		return err
	}
	r.rep.Config, r.rep.Split = r.cfg, r.split
	return nil
}

// begin takes the directory.
func (r *run) begin() error {
	if held, err := job.Running(r.out); err != nil {
		return err
	} else if !held && r.ro.Resume {
		if err := r.trim(); err != nil {
			return err
		}
	}
	j, err := job.Begin(r.out, job.Options{Command: r.ro.Command, Resume: r.ro.Resume, Events: EventsFile, KeepEvents: true})
	r.job = j
	return err
}

// trim drops from the events what the snapshot does not know of.
func (r *run) trim() error {
	_, s, err := restore(r.out, r.cfg, r.split)
	if err != nil {
		return err
	}
	last := -1
	if s != nil {
		last = s.Step - 1
	}
	return trimEvents(filepath.Join(r.out, EventsFile), last)
}

// work restores or starts, trains, and saves.
func (r *run) work(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	err := r.train(ctx)
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return errors.Join(err, r.snapshot())
		}
		return err
	}
	if err := r.snapshot(); err != nil {
		return err
	}
	return r.finish(ctx)
}

// start restores the snapshot or begins anew.
func (r *run) start(ctx context.Context) error {
	t, s, err := restore(r.out, r.cfg, r.split)
	if err != nil {
		return err
	}
	r.feed = feed{data: r.d, seed: r.cfg.Seed, cut: r.split.Cut}
	if s == nil {
		r.t = New(r.cfg)
		r.scale, err = r.measureScale(ctx)
		return err
	}
	r.t, r.scale, r.rep.Resumed = t, s.Scale, true
	r.feed.epoch, r.feed.consumed = s.Epoch, s.Consumed
	return nil
}

// scaleBatches is how many batches the scale is estimated on.
const scaleBatches = 100

// measureScale is √(mean ‖x‖²) over the first batches of the first epoch, or over
// the epoch when that is shorter.
func (r *run) measureScale(ctx context.Context) (float32, error) {
	if r.cfg.RawScale {
		return 1, nil
	}
	f := r.feed
	x := make([]float32, r.cfg.Batch*r.cfg.DIn)
	total, n := 0.0, 0
	for range min(scaleBatches, r.cfg.Steps) {
		if err := f.fill(ctx, x, r.cfg.DIn); err != nil {
			return 0, err
		}
		total += tensor.SumSq(x)
		n += r.cfg.Batch
		if f.epoch > 0 {
			break
		}
	}
	scale := float32(math.Sqrt(total / float64(n)))
	if !(scale > 0) || math.IsInf(float64(scale), 0) {
		return 0, fmt.Errorf("train: found a mean squared norm of %v over %d activations, expected a positive number", total/float64(n), n)
	}
	return scale, nil
}

// train takes the steps that are left.
func (r *run) train(ctx context.Context) error {
	x := make([]float32, r.cfg.Batch*r.cfg.DIn)
	r.began, r.saved, r.first = time.Now(), time.Now(), r.t.step
	for r.t.step < r.cfg.Steps {
		if err := r.control(ctx); err != nil {
			return err
		}
		before := r.feed
		if err := r.feed.fill(ctx, x, r.cfg.DIn); err != nil {
			r.feed = before
			r.feed.src = nil // it has moved on
			return err
		}
		tensor.Scale(x, 1/r.scale)
		st := r.t.Step(x)
		if math.IsNaN(st.Loss) || math.IsInf(st.Loss, 0) {
			return fmt.Errorf("train: the loss of step %d is %v: activations that are not finite, or a learning rate of %v that is too high", st.Step, st.Loss, r.cfg.LR)
		}
		r.rep.Last = st
		if err := r.tell(st); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const defaultSnapshotEvery = 30 * time.Second

// control obeys control.jsonl and saves the state when it is time.
func (r *run) control(ctx context.Context) error {
	orders, err := r.job.Control(ctx, int64(r.t.step))
	if err != nil {
		return err
	}
	due := time.Since(r.saved) > cmp.Or(r.ro.SnapshotEvery, defaultSnapshotEvery)
	for _, c := range orders {
		switch c.Op {
		case job.Snapshot:
			due = true
		case job.Set:
			r.ro.Progress.Emit(progress.Event{Stage: "train", Message: fmt.Sprintf("set %s: a training cannot be changed under way", c.Key)})
		}
	}
	if !due {
		return nil
	}
	return r.snapshot()
}

func (r *run) snapshot() error {
	r.saved = time.Now()
	return r.t.save(blob.Dir(r.out), snapshot{Split: r.split, Scale: r.scale, Epoch: r.feed.epoch, Consumed: r.feed.consumed})
}

// tell writes the figures of a step to train.jsonl and to whoever listens.
func (r *run) tell(st Stats) error {
	every := r.ro.LogEvery
	if every <= 0 {
		every = max(r.cfg.Steps/100, 1)
	}
	last := st.Step == r.cfg.Steps-1
	if st.Step%every != 0 && !last {
		return nil
	}
	e := progress.Event{
		Stage: "train", Step: int64(st.Step), Total: int64(r.cfg.Steps), Unit: "steps",
		Values: map[string]float64{
			"loss": st.Loss, "mse": st.MSE, "aux_loss": st.Aux, "explained_variance": st.EV, "l0": st.L0,
			"dead": float64(st.Dead), "grad_norm": st.GradNorm, "lr": st.LR, "threshold": st.Threshold * float64(r.scale),
			"tokens": float64(st.Step+1) * float64(r.cfg.Batch),
		},
	}
	if err := r.job.Progress(e); err != nil {
		return err
	}
	e.Values = maps.Clone(e.Values)
	e.Values["tokens_per_sec"], e.Values["d_sae"] = r.speed(), float64(r.cfg.DSAE)
	r.ro.Progress.Emit(e)
	return nil
}

// speed is the tokens a second of this process.
func (r *run) speed() float64 {
	return float64(r.t.step-r.first) * float64(r.cfg.Batch) / max(time.Since(r.began).Seconds(), 1e-9)
}

// finish judges and saves the dictionary and takes the snapshot away.
func (r *run) finish(ctx context.Context) error {
	s := r.t.SAE(r.scale)
	r.describe(s)
	st := blob.Dir(r.out)
	if r.ro.Evaluate != nil {
		j, err := r.ro.Evaluate(ctx, s, r.split)
		if err != nil {
			return fmt.Errorf("train: evaluate: %w", err)
		}
		maps.Copy(s.Metadata, j.Metadata)
		if j.Density != nil {
			if err := formats.SaveSparsity(st, j.Density); err != nil {
				return err
			}
		}
	}
	if err := formats.SaveTo(st, s); err != nil {
		return err
	}
	return st.Remove(SnapshotFile)
}

// describe fills the metadata and the report.
func (r *run) describe(s *sae.SAE) {
	rep := r.rep
	rep.Tokens = int64(r.cfg.Steps) * int64(r.cfg.Batch)
	rep.Epochs = float64(rep.Tokens) / float64(r.split.Trained)
	rep.Scale, rep.PerSecond = float64(r.scale), r.speed()
	for _, n := range r.t.silent {
		if int(n) >= r.cfg.DeadSteps {
			rep.Dead++
		}
	}
	maps.Copy(s.Metadata, r.ro.Metadata)
	maps.Copy(s.Metadata, map[string]any{
		"training_architecture":         "batchtopk",
		"training_architecture_details": r.cfg,
		"num_dead_features":             rep.Dead,
		"training_tokens":               rep.Tokens,
		"training_epochs":               rep.Epochs,
		"training_split":                r.split,
		"activation_scale":              float64(r.scale),
		"seed":                          r.cfg.Seed,
		"kernel":                        tensor.Kernel(),
	})
}
