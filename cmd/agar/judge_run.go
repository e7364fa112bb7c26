package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"agar/activations/blob"
	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/behaviour"
	"agar/model/progress"
)

// judging is `agar judge` under way.
type judging struct {
	c      *cobra.Command
	o      judgeOptions
	r      *reporter
	m      *model.Model
	states []behaviour.State
	asked  []behaviour.Question
	pairs  []behaviour.Pair
	man    *manifest.Manifest
	closes []func() error

	judge, reference behaviour.Judge
}

func (j *judging) close() {
	for i := len(j.closes) - 1; i >= 0; i-- {
		_ = j.closes[i]()
	}
}

func (j *judging) run(name string) (*judged, error) {
	if err := j.read(); err != nil {
		return nil, refused(err)
	}
	var err error
	if j.m, err = openModel(name); err != nil {
		return nil, err
	}
	j.closes = append(j.closes, j.m.Close)
	used, err := j.o.template.apply(j.c, j.m)
	if err != nil {
		return nil, err
	}
	if j.states, err = j.o.states(j.c, j.m); err != nil {
		return nil, err
	}
	if err := j.judges(); err != nil {
		return nil, err
	}
	if j.man, err = j.manifest(used); err != nil {
		return nil, refused(err)
	}
	if j.o.out == "" {
		return j.measure(nil)
	}
	return j.kept()
}

// read reads pairs and questions.
func (j *judging) read() (err error) {
	if j.o.pairs != "" {
		if j.pairs, err = behaviour.ReadPairs(j.o.pairs); err != nil {
			return err
		}
	}
	if j.o.questions == "" {
		return nil
	}
	var skipped []string
	if j.asked, skipped, err = behaviour.ReadQuestions(j.o.questions); err == nil && len(skipped) > 0 {
		j.r.line(fmt.Sprintf("left out, as in the papers: questions about JSON and templates %v", skipped))
	}
	return err
}

// kept runs in the output directory, or finds there what an earlier run measured.
func (j *judging) kept() (res *judged, err error) {
	if old, err := manifest.Read(j.o.out, behaviour.Format); err == nil && j.o.resume {
		if d := manifest.Differences(&old, j.man); len(d) > 0 {
			return nil, refused(fmt.Errorf("judge: %s was measured in another way: %s", j.o.out, d[0]))
		}
		return readJudged(j.o.out)
	}
	jb, err := job.Begin(j.o.out, job.Options{Command: commandLine(j.c), Resume: j.o.resume})
	if err != nil {
		return nil, err
	}
	defer func() { err = jb.End(err) }()
	if err := j.sameRun(); err != nil {
		return nil, err
	}
	if res, err = j.measure(jb); err != nil {
		return nil, err
	}
	return res, j.finish(res)
}

// judgeState holds the manifest as far as it is known before the work.
const judgeState = "resume.json"

// sameRun compares an unfinished run with the one asked for, and notes a new one.
func (j *judging) sameRun() error {
	dir := blob.Dir(j.o.out)
	old, err := manifest.ReadFrom(dir, judgeState, behaviour.Format)
	if errors.Is(err, fs.ErrNotExist) {
		return j.man.WriteTo(dir, judgeState)
	}
	if err != nil {
		return refused(err)
	}
	if d := manifest.Differences(&old, j.man); len(d) > 0 {
		return refused(fmt.Errorf("judge: %s holds another run: %s", j.o.out, d[0]))
	}
	return nil
}

// measure does the work.
func (j *judging) measure(jb *job.Job) (*judged, error) {
	o := behaviour.Options{
		Model: j.m, States: j.states, Pairs: j.pairs, Asked: j.asked, Samples: j.o.samples, MaxTokens: j.o.maxNew, Temperature: j.o.temperature,
		Seed: j.o.seed, Batch: j.o.batch, Parallel: j.o.by.parallel, Dir: j.o.out, Judge: j.judge, Reference: j.reference,
	}
	if j.c.Flags().Changed("cache-gib") {
		o.CacheMemory = int64(j.o.cacheGiB * (1 << 30))
	}
	o.Progress = func(e progress.Event) {
		e.Job = cmp.Or(e.Job, "judge")
		j.r.report(e)
		if jb != nil {
			_ = jb.Progress(e)
		}
	}
	if err := j.cache(); err != nil {
		return nil, err
	}
	plan, err := behaviour.PlanOf(o)
	if err != nil {
		return nil, err
	}
	j.r.line(j.o.by.planLine(plan))
	speed, err := behaviour.Try(j.c.Context(), o, plan)
	if err != nil {
		return nil, err
	}
	j.r.line(j.o.by.estimateLine(plan, speed))
	m, err := behaviour.Measure(j.c.Context(), o)
	if err != nil {
		return nil, err
	}
	curve := &behaviour.Curve{Format: behaviour.Format, Model: j.m.Name, Run: j.o.run, Pairs: j.o.pairs, Questions: j.o.questions, Points: m.Points}
	if o.Judge != nil {
		curve.Judge, curve.Rule = o.Judge.Name(), j.o.rule
	}
	out := newJudged(j.o.out, curve, m)
	out.Mass = massOf(j.judge)
	return out, nil
}

// massOf is what a local judge's probability on numbers was; nil of other judges, and
// where every score was known already.
func massOf(jd behaviour.Judge) *behaviour.Mass {
	s, ok := jd.(*behaviour.Scored)
	if !ok {
		return nil
	}
	l, ok := s.Scorer.(*behaviour.Local)
	if !ok {
		return nil
	}
	if m := l.Mass(); m.N > 0 {
		return &m
	}
	return nil
}

// judges opens the judge and the reference.
func (j *judging) judges() (err error) {
	if j.o.questions == "" {
		return nil
	}
	if j.judge, err = j.open(j.o.by.judge); err == nil && j.o.reference != "" {
		j.reference, err = j.open(j.o.reference)
	}
	return err
}

func (j *judging) open(spec string) (behaviour.Judge, error) {
	jd, done, err := j.o.by.open(j.m, spec, behaviour.Rule(j.o.rule))
	j.closes = append(j.closes, done...)
	return jd, err
}

// cache lets the judges keep their scores on disk.
func (j *judging) cache() error {
	path := cmp.Or(j.o.by.cache, filepath.Join(j.o.out, "judgements.jsonl"))
	var shared *behaviour.Cache
	for _, jd := range []behaviour.Judge{j.judge, j.reference} {
		s, ok := jd.(*behaviour.Scored)
		if !ok {
			continue
		}
		if shared == nil {
			var err error
			if shared, err = behaviour.OpenCache(path); err != nil {
				return refused(err)
			}
			j.closes = append(j.closes, shared.Close)
		}
		s.Cache = shared
	}
	return nil
}

// finish writes what was measured, the manifest last.
func (j *judging) finish(res *judged) error {
	names := []string{behaviour.CurveFile}
	if err := res.curve.Write(j.o.out); err != nil {
		return err
	}
	if len(j.asked) > 0 {
		names = append(names, behaviour.ResponsesFile)
		if err := behaviour.WriteResponses(filepath.Join(j.o.out, behaviour.ResponsesFile), res.curve.Points, res.answers); err != nil {
			return err
		}
	}
	if res.Unreached > 0 {
		return nil // unfinished: --resume asks again
	}
	j.man.Checksums = map[string]string{}
	for _, name := range names {
		sum, err := manifest.HashFile(filepath.Join(j.o.out, name))
		if err != nil {
			return err
		}
		j.man.Checksums[name] = sum
	}
	if err := j.man.SetContent(judgedContent{Calibration: res.Calibration, Mass: res.Mass}); err != nil {
		return err
	}
	if err := j.man.Write(j.o.out); err != nil {
		return err
	}
	return errors.Join(behaviour.Clean(j.o.out), os.Remove(filepath.Join(j.o.out, judgeState)))
}
