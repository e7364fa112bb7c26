package behaviour

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"agar/model"
	"agar/model/progress"
)

// Options say what to measure. Model and States are needed, and Pairs or Questions.
type Options struct {
	Model  *model.Model
	States []State
	Pairs  []Pair     // of the primary measure; nil: it is left out
	Asked  []Question // of the secondary measure; nil: it is left out

	Samples     int     // answers a question; 0 is 50
	MaxTokens   int     // of an answer; 0 is 600
	Temperature float64 // 0 is 1; below 0 is greedy
	Seed        uint64
	Batch       int   // answers side by side; 0 is 64
	CacheMemory int64 // of their keys and values; 0 is 1 GiB

	Judge     Judge // of the answers; needed with Asked
	Parallel  int   // judgements at a time; 0 is 8
	Reference Judge // to calibrate Judge against; nil: none

	Dir      string // where answers are kept while the run is under way; needed with Asked
	Progress progress.Func
}

// Defaults of Options, the papers' protocol.
const (
	DefaultSamples   = 50
	DefaultMaxTokens = 600
	defaultParallel  = 8
)

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Samples, DefaultSamples)
	def(&o.MaxTokens, DefaultMaxTokens)
	def(&o.Parallel, defaultParallel)
	switch {
	case o.Temperature == 0:
		o.Temperature = 1
	case o.Temperature < 0:
		o.Temperature = 0
	}
	return o
}

// Measured is what a run found.
type Measured struct {
	Points      []Point
	Answers     []Answer // of all states, by state, question and sample
	Calibration *Calibration
	// Unreached is how many answers lack a score because the judge could not be
	// asked; they are among the failed. Measured again, they are asked for again.
	Unreached int
}

// Measure takes both measures of every state. Run again with the same options and
// Dir after it was stopped, it draws and judges only what is missing and ends with
// the same numbers.
func Measure(ctx context.Context, o Options) (*Measured, error) {
	o = o.withDefaults()
	if len(o.States) == 0 || len(o.Pairs) == 0 && len(o.Asked) == 0 || len(o.Asked) > 0 && (o.Judge == nil || o.Dir == "") {
		return nil, errors.New("behaviour: nothing to measure: states, and pairs or questions with a judge and a directory, are needed")
	}
	res := &Measured{Points: make([]Point, len(o.States))}
	for i, s := range o.States {
		res.Points[i] = s.point()
	}
	if len(o.Pairs) > 0 {
		s, err := NewSweep(ctx, o.Model, o.Pairs, o.States)
		if err != nil {
			return nil, err
		}
		if res.Points, err = s.Points(ctx, o.States, o.Progress); err != nil {
			return nil, err
		}
	}
	if len(o.Asked) > 0 {
		if err := o.sampled(ctx, res); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// sampled takes the secondary measure.
func (o *Options) sampled(ctx context.Context, res *Measured) error {
	ds, err := draws(o.Model, o.Asked, o.Samples)
	if err != nil {
		return err
	}
	byID := map[string]*Question{}
	for i := range o.Asked {
		byID[o.Asked[i].ID] = &o.Asked[i]
	}
	var base []*drawn // what the base says is the same at every state that is the base
	for i, st := range o.States {
		have := base
		if have == nil || !st.base() {
			a, err := st.adapter()
			if err != nil {
				return err
			}
			if have, err = o.sampler(a, i, ds).run(ctx); err != nil {
				return fmt.Errorf("behaviour: answers: step %d, λ = %g: %w", st.Step, st.Lambda, err)
			}
		}
		if st.base() {
			base = have
		}
		as := answers(o.Asked, ds, have, i)
		if err := o.judge(ctx, o.Judge, as, byID, i); err != nil {
			return err
		}
		for k := range as {
			if as[k].unreached() {
				res.Unreached++
			}
		}
		res.Points[i].tally(o.Asked, o.Samples, as)
		res.Answers = append(res.Answers, as...)
	}
	adjust(res.Points, res.Answers)
	if o.Reference != nil {
		return o.calibrate(ctx, res, byID)
	}
	return nil
}

func (o *Options) sampler(a *model.Adapter, i int, ds []draw) *sampler {
	return &sampler{m: o.Model, draws: ds, path: answersName(o.Dir, i), emit: o.stage(i), o: model.GenerateOptions{
		MaxTokens: o.MaxTokens, Temperature: o.Temperature, Seed: o.Seed, Batch: o.Batch, CacheMemory: o.CacheMemory,
		Adapter: a, Lambda: float32(o.States[i].Lambda),
	}}
}

// stage says in events which state is under way.
func (o *Options) stage(i int) progress.Func {
	st := o.States[i]
	return func(e progress.Event) {
		e.Message = fmt.Sprintf("%d of %d: step %d, λ %g", i+1, len(o.States), st.Step, st.Lambda)
		if st.Step == NoStep {
			e.Message = fmt.Sprintf("%d of %d: λ %g", i+1, len(o.States), st.Lambda)
		}
		o.Progress.Emit(e)
	}
}

// judge judges the answers of state i.
func (o *Options) judge(ctx context.Context, j Judge, as []Answer, byID map[string]*Question, i int) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(o.Parallel)
	emit := o.stage(i)
	var mu sync.Mutex
	done := 0
	for k := range as {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error {
			v, err := j.Judge(inner, byID[as[k].Question], as[k].Asked, as[k].Text)
			if err := cmp.Or(err, inner.Err()); err != nil {
				return err
			}
			as[k].Verdict = v
			mu.Lock()
			defer mu.Unlock()
			done++
			emit.Emit(progress.Event{Stage: "judging", Step: int64(done), Total: int64(len(as)), Unit: "answers"})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// Clean removes what Measure kept in a directory while it was under way.
func Clean(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "answers-*.jsonl"))
	for _, p := range paths {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}
