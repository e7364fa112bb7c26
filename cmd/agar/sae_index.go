package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/sae"
	"agar/sae/features"
	"agar/sae/formats"
)

type indexOptions struct {
	filter filterFlags
	hook   string
	model  string
	out    string
	top    int
	around int
	seed   uint64
	json   bool
}

// indexed is what `agar sae index --json` prints.
type indexed struct {
	Out      string `json:"out"`
	Hook     string `json:"hook"`
	Features int    `json:"features"`
	Rows     int64  `json:"rows"`
	NoLens   string `json:"no_logit_lens,omitempty"` // why there is none
}

func newSAEIndex() *cobra.Command {
	var o indexOptions
	c := &cobra.Command{
		Use:   "index SAE CAPTURE --out DIR",
		Short: "what every feature fires on, in one pass over a capture",
		Long: `Writes features.arrow (density, histogram, logit lens, neighbours of every
feature) and examples.arrow (strongest, interval-sampled and random firings with
their context), in one pass and bounded memory.`,
		Example: "  agar sae index sae store --out index",
		Args:    cobra.ExactArgs(2),
		RunE:    func(c *cobra.Command, args []string) error { return runIndex(c, args[0], args[1], o) },
	}
	o.filter.add(c)
	f := c.Flags()
	f.StringVar(&o.hook, "hook", "", "column of the capture (default: the dictionary's)")
	f.StringVar(&o.model, "model", "", "model for token texts and the logit lens (default: the capture's)")
	f.StringVar(&o.out, "out", "", "`DIR` to write (default SAE/index)")
	f.IntVar(&o.top, "top", 20, "strongest examples a feature")
	f.IntVar(&o.around, "around", 10, "tokens of context on either side")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random examples")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runIndex(c *cobra.Command, dir, capture string, o indexOptions) error {
	s, store, hook, err := openBoth(dir, capture, o.hook)
	if err != nil {
		return err
	}
	defer store.Close()
	if o.out == "" {
		o.out = filepath.Join(dir, "index")
	}
	if err := outDirectory("--out", o.out); err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	bo, err := o.build(c, r, dir, capture, hook)
	if err != nil {
		return err
	}
	why, closeModel := withLens(c, &bo, store, s, o.model)
	defer closeModel()
	if why != "" && o.model != "" {
		return refused(fmt.Errorf("%s", why))
	}
	if err := features.Build(c.Context(), s, store, bo); err != nil {
		return err
	}
	r.close()
	rep := indexed{Out: o.out, Hook: hook, Features: s.DSAE, Rows: store.Len(), NoLens: why}
	if o.json {
		return printJSON(c.OutOrStdout(), rep)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %d features of %s over %d rows\n", rep.Out, rep.Features, rep.Hook, rep.Rows)
	if why != "" {
		fmt.Fprintf(c.OutOrStdout(), "no token texts and no logit lens: %s\n", why)
	}
	return nil
}

// build fills in the options that do not need the model.
func (o indexOptions) build(c *cobra.Command, r *reporter, dir, capture, hook string) (features.BuildOptions, error) {
	bo := features.BuildOptions{
		Out: o.out, Hook: hook, Top: o.top, Around: o.around, Seed: o.seed,
		Command: commandLine(c), Version: version(), Progress: r.report,
	}
	var err error
	if bo.Filter, err = o.filter.filter(); err != nil {
		return bo, err
	}
	bo.Inputs, err = indexInputs(dir, capture)
	return bo, refused(err)
}

// indexInputs names the dictionary and the capture by their hashes.
func indexInputs(dir, capture string) (map[string]manifest.Ref, error) {
	s, err := dirRef(dir, formats.WeightsFile)
	if err != nil {
		return nil, err
	}
	k, err := dirRef(capture, manifest.Name)
	if err != nil {
		return nil, err
	}
	return map[string]manifest.Ref{"sae": s, "capture": k}, nil
}

// withLens gives the index token texts and the logit lens of the capture's
// model, or says why it cannot.
func withLens(c *cobra.Command, bo *features.BuildOptions, store *activations.Store, s *sae.SAE, override string) (why string, done func()) {
	m, _, _, err := storeModel(c, store.Manifest(), override)
	if err != nil {
		return err.Error(), func() {}
	}
	bo.Piece = m.Tokenizer.Piece
	if writesResidual(bo.Hook) && s.DIn == m.Spec.DModel {
		bo.Lens = m
	}
	return "", func() { m.Close() }
}

// writesResidual says whether a direction of a hook is one of the residual
// stream, so that the logit lens has a meaning.
func writesResidual(hook string) bool {
	for _, s := range []string{"hook_resid_", "hook_embed", "hook_mlp_out", "hook_attn_out", "lora.hook_delta"} {
		if strings.Contains(hook, s) {
			return true
		}
	}
	return false
}

var _ features.Lens = (*model.Model)(nil)
