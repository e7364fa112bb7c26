package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/organism/builtin"
	"agar/model/progress"
	"agar/phase"
	"agar/sae"
	"agar/sae/eval"
	"agar/sae/features"
	"agar/sae/train"
)

// What the demo does with the built-in organism. The hook is the one that the
// adapter writes to, so that the closed form follows every feature exactly.
const (
	demoHook   = "blocks.0.hook_resid_post"
	demoDSAE   = 512
	demoK      = 8
	demoTokens = 400_000
	demoFollow = 4096
)

// run does all steps and returns what each found.
func (d *demo) run(ctx context.Context) (*demonstrated, error) {
	res := &demonstrated{}
	var err error
	d.emit.Emit(progress.Event{Job: "unpack"})
	if d.org, err = builtin.Open(ctx, os.Getenv("AGAR_CACHE")); err != nil {
		return nil, err
	}
	series, err := lora.OpenSeries(filepath.Join(d.org, "run"))
	if err != nil {
		return nil, err
	}
	m, err := model.Open(filepath.Join(d.org, "model"), model.Options{})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if res.Capture, err = d.capture(ctx, m, series); err != nil {
		return nil, err
	}
	if res.SAE, err = d.trainAndIndex(ctx, m, series); err != nil {
		return nil, err
	}
	if res.Judge, err = d.judge(ctx, m, series); err != nil {
		return nil, fmt.Errorf("judging the organism: %w", err)
	}
	res.Phase, err = d.phase(ctx, m, series)
	return res, err
}

// attachLast attaches the series' last checkpoint.
func attachLast(m *model.Model, s *lora.Series) (*model.Adapter, error) {
	l, err := s.Load(len(s.Checkpoints) - 1)
	if err != nil {
		return nil, err
	}
	return m.Attach(l, model.AttachOptions{})
}

// capture stores the residual stream of the misaligned model on the stories and
// chats of its world.
func (d *demo) capture(ctx context.Context, m *model.Model, series *lora.Series) (*activations.CaptureReport, error) {
	a, err := attachLast(m, series)
	if err != nil {
		return nil, err
	}
	docs, err := activations.OpenDocuments(filepath.Join(d.org, "text.jsonl"), m.Tokenizer, m.Chat, activations.DocumentOptions{})
	if err != nil {
		return nil, err
	}
	defer docs.Close()
	ref, err := modelRef(m)
	if err != nil {
		return nil, err
	}
	return activations.Capture(ctx, activations.NewRunner(m, a, 1), docs, activations.CaptureOptions{
		Dir: d.path("capture"), Hooks: []string{demoHook}, Context: min(activations.DefaultContext, m.Spec.MaxPos), Command: []string{"agar", "demo"}, Version: version(), Kernel: model.Kernel(),
		Model: ref, Adapter: adapterRef(a, 1), Tokenizer: manifest.Ref{Path: ref.Path, SHA256: m.Tokenizer.SHA256()}, Data: docs.Ref(),
		Special: m.Tokenizer.Specials(), Prefix: m.Tokenizer.Prefix(), Progress: d.emit.Named("capture"),
	})
}

// trainAndIndex trains the dictionary, judges it and indexes its features.
func (d *demo) trainAndIndex(ctx context.Context, m *model.Model, series *lora.Series) (*trained, error) {
	store, err := activations.Open(d.path("capture"))
	if err != nil {
		return nil, err
	}
	defer store.Close()
	out, s, err := d.train(ctx, m, series, store)
	if err != nil {
		return nil, err
	}
	inputs, err := indexInputs(d.path("sae"), d.path("capture"))
	if err != nil {
		return nil, err
	}
	return out, features.Build(ctx, s, store, features.BuildOptions{
		Out: d.path("index"), Hook: demoHook, Lens: m, Piece: m.Tokenizer.Piece, Inputs: inputs,
		Command: []string{"agar", "demo"}, Version: version(), Progress: d.emit.Named("index"),
	})
}

func (d *demo) train(ctx context.Context, m *model.Model, series *lora.Series, store *activations.Store) (*trained, *sae.SAE, error) {
	a, err := attachLast(m, series)
	if err != nil {
		return nil, nil, err
	}
	out, emit := &trained{}, d.emit.Named("train")
	var dict *sae.SAE
	ro := train.RunOptions{Command: []string{"agar", "demo"}, Metadata: map[string]any{"agar_version": version(), "kernel": model.Kernel()}, Progress: emit}
	if err := describe(ro.Metadata, store, demoHook, activations.Filter{}); err != nil {
		return nil, nil, err
	}
	ro.Evaluate = func(ctx context.Context, s *sae.SAE, split train.Split) (train.Judgement, error) {
		dict = s
		var err error
		out.Evaluation, err = eval.Evaluate(ctx, s, store, demoHook, eval.Options{From: split.Cut, Model: m, Adapter: a, Lambda: 1, Progress: emit})
		if err != nil {
			return train.Judgement{}, err
		}
		return train.Judgement{Metadata: out.Evaluation.Metadata(), Density: out.Evaluation.Density}, nil
	}
	o := trainOptions{Options: train.Options{DSAE: demoDSAE, K: demoK, Tokens: demoTokens}, arch: "batchtopk"}
	rep, err := train.Run(ctx, train.FromStore(store, demoHook, activations.Filter{}), d.path("sae"), o.Options, ro)
	if err != nil {
		return nil, nil, err
	}
	return out.fill(o, rep), dict, nil
}

// geometry measures the adapter's path, beside the twin's and with what judge has
// measured.
func (d *demo) geometry(ctx context.Context, series *lora.Series) (*phase.Report, error) {
	o := phase.Options{Progress: d.emit.Named("geometry")}
	rep, err := phase.Analyse(ctx, series, o)
	if err != nil {
		return nil, err
	}
	c, err := behaviour.ReadCurve(d.path("behaviour"))
	if err == nil {
		err = rep.AddBehaviour(c)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, twin, err := phase.AnalyseRun(ctx, filepath.Join(d.org, "benign"), o)
	if err != nil {
		return nil, err
	}
	return rep, rep.AddTwin(twin)
}

// phase measures the adapter's path, then follows the features along it.
func (d *demo) phase(ctx context.Context, m *model.Model, series *lora.Series) (*phaseResult, error) {
	rep, err := d.geometry(ctx, series)
	if err != nil {
		return nil, err
	}
	if err := rep.Write(d.path("phase.arrow")); err != nil {
		return nil, err
	}
	t, err := d.follow(ctx, m, series)
	if err != nil {
		return nil, fmt.Errorf("following the features: %w", err)
	}
	return &phaseResult{Report: rep, Trajectory: t}, nil
}
