package algorithmic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agar/model"
	"agar/model/safetensors"
	"agar/model/train"
)

// BaseDir is the directory, inside that of a run, of the model before training.
const BaseDir = "base"

// Recorder measures a run of a task at its checkpoints: what needs no subspace as
// they are written, and the rest at the end, when the key frequencies are known.
type Recorder struct {
	*Scorer
	Dir string // of the run: base, checkpoint-N

	rows map[int]train.Measures
}

// NewRecorder measures a run of t, which has its defaults, in dir. What was
// measured there before is kept.
func NewRecorder(t Task, dir string) (*Recorder, error) {
	r := &Recorder{Scorer: NewScorer(t), Dir: dir, rows: map[int]train.Measures{}}
	old, err := train.ReadMeasures(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, m := range old {
		r.rows[m.Step] = m
	}
	return r, nil
}

// Record measures the checkpoint after a step, 0 being the model before training,
// and adds it to measures.jsonl. A step without a checkpoint is passed over.
func (r *Recorder) Record(ctx context.Context, step int) error {
	dir := r.at(step)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := r.measure(ctx, step); err != nil {
		return err
	}
	return r.write()
}

// enough says that the checkpoint after a step has a loss on the test below
// StopTestLoss. A step without a checkpoint is never enough.
func (r *Recorder) enough(ctx context.Context, step int) (bool, error) {
	if r.Task.StopTestLoss == 0 {
		return false, nil
	}
	if _, ok := r.rows[step]; !ok { // an interrupted run may have left it unmeasured
		if err := r.Record(ctx, step); err != nil {
			return false, err
		}
	}
	m, ok := r.rows[step]
	return ok && m.Values["test_loss"] < r.Task.StopTestLoss, nil
}

func (r *Recorder) at(step int) string {
	if step == 0 {
		return filepath.Join(r.Dir, BaseDir)
	}
	return filepath.Join(r.Dir, fmt.Sprintf("checkpoint-%d", step))
}

// measure opens a checkpoint, measures what needs no subspace and returns the
// logits of all inputs.
func (r *Recorder) measure(ctx context.Context, step int) (logits []float32, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("algorithmic: %s: %w", r.at(step), err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := model.Open(r.at(step), model.Options{})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if logits, err = r.Task.Logits(ctx, m); err != nil {
		return nil, err
	}
	values := r.Plain(logits)
	if values["weight_norm"], err = weightNorm(m.Files); err != nil {
		return nil, err
	}
	r.rows[step] = train.Measures{Step: step, Values: values}
	return logits, nil
}

// weightNorm is the L2 norm of all numbers in safetensors files.
func weightNorm(paths []string) (float64, error) {
	sum := 0.0
	for _, p := range paths {
		f, err := safetensors.Open(p)
		if err != nil {
			return 0, err
		}
		for _, name := range f.Names() {
			x, _, err := f.Float32(name)
			if err != nil {
				return 0, errors.Join(err, f.Close())
			}
			for _, v := range x {
				sum += float64(v) * float64(v)
			}
		}
		if err := f.Close(); err != nil {
			return 0, err
		}
	}
	return math.Sqrt(sum), nil
}

func (r *Recorder) write() error {
	var all []train.Measures
	for _, step := range slices.Sorted(maps.Keys(r.rows)) {
		all = append(all, r.rows[step])
	}
	return train.WriteMeasures(r.Dir, all)
}

// Summary is what a run came to.
type Summary struct {
	Keys         []int     `json:"keys"`       // key frequencies of the last checkpoint, strongest first
	KeyShares    []float64 `json:"key_shares"` // share of the variance of its logits in each
	TrainPairs   int       `json:"train_pairs"`
	TestPairs    int       `json:"test_pairs"`
	NewPairs     int       `json:"new_pairs"`    // of the test pairs, without a mirror image in training
	WrongLabels  int       `json:"wrong_labels"` // of the training pairs
	TestAccuracy float64   `json:"test_accuracy"`
	TestLoss     float64   `json:"test_loss"`
}

// Finish finds the key frequencies of the last checkpoint, measures every
// checkpoint on them and writes measures.jsonl anew. Without key frequencies
// (KeyShare) the measures that need them are missing.
func (r *Recorder) Finish(ctx context.Context) (*Summary, error) {
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	clear(r.rows)
	last := steps[len(steps)-1]
	logits, err := r.measure(ctx, last)
	if err != nil {
		return nil, err
	}
	s := r.summary(r.Task.NewWaves(logits))
	s.TestAccuracy, s.TestLoss = r.rows[last].Values["test_accuracy"], r.rows[last].Values["test_loss"]
	for _, step := range steps {
		if logits, err = r.measure(ctx, step); err != nil {
			return nil, err
		}
		for name, v := range r.Progress(logits, s.Keys) {
			if len(s.Keys) == 0 {
				v = math.NaN()
			}
			r.rows[step].Values[name] = v
		}
	}
	return s, r.write()
}

func (r *Recorder) summary(w *Waves) *Summary {
	s := &Summary{Keys: w.Keys(), KeyShares: []float64{}, TrainPairs: len(r.Train), TestPairs: len(r.Test), NewPairs: len(r.New), WrongLabels: len(r.noisy())}
	if s.Keys == nil {
		s.Keys = []int{}
	}
	shares := w.Shares()
	for _, k := range s.Keys {
		s.KeyShares = append(s.KeyShares, shares[k-1])
	}
	return s
}

// steps are those of the checkpoints in the directory, 0 first.
func (r *Recorder) steps() ([]int, error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return nil, fmt.Errorf("algorithmic: %w", err)
	}
	out := []int{0}
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), "checkpoint-")); err == nil && n > 0 && strings.HasPrefix(e.Name(), "checkpoint-") {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Run trains m, the model that WriteModel wrote to the recorder's BaseDir, on the
// pairs of the task, and measures it on the way and at the end.
func (r *Recorder) Run(ctx context.Context, m *model.Model, c train.Config, o train.Options) (*train.Report, *Summary, error) {
	if err := r.Record(ctx, 0); err != nil {
		return nil, nil, err
	}
	o.Out = r.Dir
	o.AtStep = func(ctx context.Context, row train.Row, _ *model.Adapter) error { return r.Record(ctx, row.Step) }
	o.Enough = r.enough
	rep, err := train.Run(ctx, m, r.Task.Examples(r.Train), c, o)
	if err != nil {
		return nil, nil, err
	}
	sum, err := r.Finish(ctx)
	return rep, sum, err
}
