package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/sae"
	"agar/sae/eval"
	"agar/sae/train"
)

type trainOptions struct {
	train.Options
	filter  filterFlags
	hook    string
	arch    string
	out     string
	model   string
	heldOut float64
	ceToks  int64
	resume  bool
	json    bool
}

// trained is the contract of `agar sae train --json`. CE values are null when
// the model of the capture cannot be opened.
type trained struct {
	Out           string       `json:"out"`
	Arch          string       `json:"arch"`
	DIn           int          `json:"d_in"`
	DSAE          int          `json:"d_sae"`
	Tokens        int64        `json:"tokens"`
	Epochs        float64      `json:"epochs"`
	L0            float64      `json:"l0"`
	EV            float64      `json:"explained_variance"`
	EVLegacy      float64      `json:"explained_variance_legacy"`
	Dead          int          `json:"dead"`
	DeltaCE       *float64     `json:"delta_ce"`
	LossRecovered *float64     `json:"loss_recovered"` // under zero ablation, as SAELens; CE names the others
	LeftOutShare  float64      `json:"left_out_share"`
	HeldOut       int64        `json:"held_out_tokens"`
	TokensPerSec  *float64     `json:"tokens_per_sec"` // of this run; null when it computed nothing
	Resumed       bool         `json:"resumed"`
	Evaluation    *eval.Report `json:"evaluation"`
	Config        train.Config `json:"config"`
	NoCE          string       `json:"no_ce,omitempty"` // why the CE values are null
}

func newSAETrain() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train CAPTURE|X.npy --d-sae N --k K --tokens N --out DIR",
		Short: "train a BatchTopK dictionary on stored activations",
		Long: `Trains a sparse autoencoder on a hook of a capture, or on the rows of an .npy
file, and saves it as a SAELens v6 directory (a BatchTopK dictionary is saved as
jumprelu with the threshold it learned). Special tokens and norm outliers are
left out and their share is shown. The last tenth of the documents is held out
and judged: L0, both explained variances, dead features, and the cross entropy
with the dictionary spliced into the model.`,
		Example: `  agar sae train store --hook blocks.15.hook_resid_post --arch batchtopk --d-sae 4608 --k 32 --tokens 1000000 --out sae
  agar sae train x.npy --d-sae 1024 --k 16 --tokens 200000 --out sae`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runTrain(c, args[0], o) },
	}
	o.filter.add(c)
	f := c.Flags()
	f.StringVar(&o.hook, "hook", "", "column of the capture (default: the only one)")
	f.StringVar(&o.arch, "arch", "batchtopk", "architecture: batchtopk")
	f.IntVar(&o.DSAE, "d-sae", 0, "number of features")
	f.IntVar(&o.K, "k", 32, "mean features a token")
	f.Int64Var(&o.Tokens, "tokens", 0, "tokens to train on; more than there are repeats them in another order")
	f.IntVar(&o.Batch, "batch", 0, "tokens a step (default: leaves about 1,000 steps)")
	f.Float64Var(&o.LR, "lr", 0, "Adam's step size (default 2e-4/√(d-sae/2^14))")
	f.IntVar(&o.Warmup, "warmup", 0, "steps of linear warm-up (default a twentieth of the run)")
	f.IntVar(&o.DecayStart, "decay-start", 0, "step from which the rate falls to 0 (default after four fifths, -1 never)")
	f.Float64Var(&o.AuxAlpha, "aux-alpha", 0, "weight of the auxiliary loss (default 1/32)")
	f.Int64Var(&o.DeadTokens, "dead-tokens", 0, "tokens without firing that make a feature dead (default a twentieth of the run)")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of the initial weights and the order of the data")
	f.Float64Var(&o.heldOut, "held-out", 0.1, "share of the documents held out")
	f.Int64Var(&o.ceToks, "ce-tokens", 0, "tokens for the cross entropies (default 8,192)")
	f.StringVar(&o.model, "model", "", "model for the cross entropies (default: the capture's)")
	f.StringVar(&o.out, "out", "", "`DIR` to write")
	f.BoolVar(&o.resume, "resume", false, "go on where an unfinished training stopped")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runTrain(c *cobra.Command, path string, o trainOptions) error {
	switch {
	case o.arch != "batchtopk":
		return usagef("agar sae train: found --arch %q, expected batchtopk", o.arch)
	case o.out == "" || o.DSAE == 0 || o.Tokens == 0:
		return usagef("agar sae train: --d-sae, --tokens and --out are needed; see 'agar sae train --help'")
	}
	if err := outDirectory("--out", o.out); err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	var rep *trained
	var err error
	if strings.HasSuffix(path, ".npy") {
		rep, err = trainArray(c, path, o, r)
	} else {
		rep, err = trainStore(c, path, o, r)
	}
	if err != nil {
		return err
	}
	r.close()
	return printTrained(c.OutOrStdout(), rep, o.json)
}

// trainArray trains on an .npy file, which says nothing of tokens or models.
func trainArray(c *cobra.Command, path string, o trainOptions, r *reporter) (*trained, error) {
	if _, err := activations.OpenNPY(path); err != nil {
		return nil, refused(err)
	}
	d := train.FromSeeker(func() (activations.Source, error) { return activations.OpenNPY(path) })
	out := &trained{NoCE: "an .npy file names no model"}
	ro := o.run(c, r)
	ro.Evaluate = func(ctx context.Context, s *sae.SAE, split train.Split) (train.Judgement, error) {
		src, err := split.Held(d)
		if err != nil {
			return train.Judgement{}, err
		}
		rec, err := eval.Reconstruct(ctx, s, src, 0, r.report)
		if err != nil {
			return train.Judgement{}, err
		}
		out.Evaluation = &eval.Report{Tokens: rec.Tokens, L0: rec.L0, EV: rec.EV, EVLegacy: rec.EVLegacy, MSE: rec.MSE, Dead: rec.Dead, DeadOf: s.DSAE}
		return train.Judgement{Metadata: out.Evaluation.Metadata(), Density: rec.Density}, nil
	}
	return out.run(c.Context(), d, o, ro)
}

func (o trainOptions) run(c *cobra.Command, r *reporter) train.RunOptions {
	return train.RunOptions{
		Command: commandLine(c), Resume: o.resume, HeldOut: o.heldOut, Progress: r.report,
		Metadata: map[string]any{"agar_version": version(), "kernel": model.Kernel()},
	}
}

// trainStore trains on a hook of a capture and judges with its model.
func trainStore(c *cobra.Command, dir string, o trainOptions, r *reporter) (*trained, error) {
	store, hook, err := openStore(dir, o.hook)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	filter, err := o.filter.filter()
	if err != nil {
		return nil, err
	}
	out := &trained{}
	ro := o.run(c, r)
	if err := describe(ro.Metadata, store, hook, filter); err != nil {
		return nil, err
	}
	ro.Evaluate = func(ctx context.Context, s *sae.SAE, split train.Split) (train.Judgement, error) {
		rep, why, err := judge(c, s, store, hook, o.model, eval.Options{Filter: filter, From: split.Cut, CETokens: o.ceToks, Progress: r.report})
		if err != nil {
			return train.Judgement{}, err
		}
		out.Evaluation, out.NoCE = rep, why
		return train.Judgement{Metadata: rep.Metadata(), Density: rep.Density}, nil
	}
	return out.run(c.Context(), train.FromStore(store, hook, filter), o, ro)
}

// judge evaluates a dictionary with the model of the capture when it opens, and
// says why not otherwise. A model that a user names must open.
func judge(c *cobra.Command, s *sae.SAE, store *activations.Store, hook, override string, eo eval.Options) (*eval.Report, string, error) {
	why := ""
	m, a, lambda, err := storeModel(c, store.Manifest(), override)
	switch {
	case err != nil && override != "":
		return nil, "", refused(err)
	case err != nil:
		why = err.Error()
	default:
		defer m.Close()
		eo.Model, eo.Adapter, eo.Lambda = m, a, lambda
	}
	rep, err := eval.Evaluate(c.Context(), s, store, hook, eo)
	return rep, why, err
}

// describe writes into the metadata of a dictionary where it comes from.
func describe(meta map[string]any, store *activations.Store, hook string, f activations.Filter) error {
	dir, man := store.Dir(), store.Manifest()
	ref, err := dirRef(dir, manifest.Name)
	if err != nil {
		return refused(err)
	}
	meta["hook_name"], meta["model_name"] = hook, man.Model.Name
	meta["capture"], meta["model"], meta["filter"] = ref, man.Model, f
	meta["context_size"] = man.Config["ctx"]
	begins, err := beginsWith(store, store.Content().Prefix)
	if err != nil {
		return refused(err)
	}
	meta["prepend_bos"] = begins
	if man.Adapter.Path != "" {
		meta["adapter"] = man.Adapter
	}
	return nil
}

// beginsWith looks into the token ids of a store: does every window begin with
// the prefix? An empty prefix is none.
func beginsWith(store *activations.Store, prefix []int32) (bool, error) {
	if len(prefix) == 0 {
		return false, nil
	}
	var rows activations.Rows
	for at := int64(0); at < store.Len(); at += int64(rows.N) {
		if err := store.Provenance(&rows, at, 1<<16); err != nil {
			return false, err
		}
		for i, pos := range rows.Pos {
			if int(pos) < len(prefix) && rows.Token[i] != prefix[pos] {
				return false, nil
			}
		}
	}
	return true, nil
}

// run trains, or reads back what a finished training left.
func (t *trained) run(ctx context.Context, d train.Data, o trainOptions, ro train.RunOptions) (*trained, error) {
	rep, err := train.Run(ctx, d, o.out, o.Options, ro)
	if err != nil {
		return nil, err
	}
	t.fill(o, rep)
	if rep.Finished {
		return t, t.readBack(o, ro.Metadata)
	}
	return t, nil
}

// fill completes the report of a training.
func (t *trained) fill(o trainOptions, rep *train.Report) *trained {
	if rep == nil {
		return t
	}
	t.Out, t.Arch, t.Config, t.DIn, t.DSAE = rep.Out, o.arch, rep.Config, rep.Config.DIn, rep.Config.DSAE
	t.Tokens, t.Epochs, t.Resumed = rep.Tokens, rep.Epochs, rep.Resumed || rep.Finished
	if !rep.Finished {
		t.TokensPerSec = &rep.PerSecond
	}
	if t.Evaluation == nil {
		return t
	}
	return t.judged(t.Evaluation)
}

// judged copies the figures of the contract from an evaluation.
func (t *trained) judged(e *eval.Report) *trained {
	t.L0, t.EV, t.EVLegacy, t.Dead, t.HeldOut, t.LeftOutShare = e.L0, e.EV, e.EVLegacy, e.Dead, e.Tokens, e.LeftShare
	if e.CE != nil {
		t.DeltaCE, t.LossRecovered = &e.CE.Delta, e.CE.RecoveredZero
	}
	return t
}

func printTrained(w io.Writer, t *trained, asJSON bool) error {
	if asJSON {
		return printJSON(w, t)
	}
	rate := "finished before, nothing was changed"
	if t.TokensPerSec != nil {
		rate = fmt.Sprintf("%.0f tokens/s", *t.TokensPerSec)
	}
	fmt.Fprintf(w, "%s: %s, %d features on %d dimensions, trained on %d tokens (%.2f epochs), %s\n", t.Out, t.Arch, t.DSAE, t.DIn, t.Tokens, t.Epochs, rate)
	return printEvaluation(w, t.Evaluation, t.NoCE)
}
