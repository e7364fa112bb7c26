package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agar/model/lora"
	"agar/phase"
)

// fullOptions are the flags of fine-tunes in full, whose checkpoints are whole models.
type fullOptions struct {
	base, reduce string
	rank         int
}

func (o *fullOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.base, "base", "", "`MODEL` that was fine-tuned, where checkpoints hold whole models: norms and turns of W − W_base")
	f.IntVar(&o.rank, "rank", 8, "top singular directions of each matrix, for --base; negative for none")
	f.StringVar(&o.reduce, "reduce", "", "write the checkpoints as adapters of --rank to `DIR`, for --sae")
}

func (o *fullOptions) check() error {
	switch {
	case o.base == "" && o.reduce != "":
		return usagef("agar phase: --reduce needs --base")
	case o.reduce != "" && o.rank < 1:
		return usagef("agar phase: --reduce needs a --rank of at least 1, found %d", o.rank)
	}
	return nil
}

// options are those of the analysis, with the base found.
func (o *fullOptions) options(po phase.Options) (phase.FullOptions, error) {
	dir, err := findModel(o.base)
	return phase.FullOptions{Options: po, Base: dir, Rank: o.rank}, err
}

// analyse reports on a run: of adapters; of whole models against a base; or, of whole
// models without one, on its measures. The series is nil where there are no adapters.
func (o *fullOptions) analyse(ctx context.Context, run string, po phase.Options) (*lora.Series, *phase.Report, error) {
	if o.base != "" {
		fo, err := o.options(po)
		if err != nil {
			return nil, nil, err
		}
		rep, err := phase.AnalyseFull(ctx, run, fo)
		return nil, rep, err
	}
	s, rep, err := phase.AnalyseRun(ctx, run, po)
	if errors.Is(err, lora.ErrNoCheckpoints) {
		err = fmt.Errorf("%w (checkpoints that are whole models need --base MODEL)", err)
	}
	return s, rep, err
}

// write reduces the run to adapters when that was asked for.
func (o *fullOptions) write(c *cobra.Command, run string, po phase.Options) (*phase.Reduced, error) {
	if o.reduce == "" {
		return nil, nil
	}
	fo, err := o.options(po)
	if err != nil {
		return nil, err
	}
	r, err := phase.Reduce(c.Context(), run, o.reduce, fo)
	return r, refusedIf(err)
}

// printFull prints the top of the last ΔW of the modules that changed most, and what
// was reduced.
func printFull(w io.Writer, rep *phase.Report, r *phase.Reduced) {
	for _, m := range rep.Modules {
		if s := m.Singular; s != nil && len(s.Values) > 0 {
			values := make([]string, 0, 4)
			for _, v := range s.Values[:min(4, len(s.Values))] {
				values = append(values, num(v, 4))
			}
			fmt.Fprintf(w, "%s: σ %s, the first %d hold %s of ‖ΔW‖², stable rank %s\n", m.Name, strings.Join(values, " "), len(s.Values), num(s.Share, 3), num(s.Stable, 1))
		}
	}
	if r != nil {
		fmt.Fprintf(w, "adapters of rank %d → %s; they hold %s of ‖ΔW‖² at the last checkpoint", r.Rank, r.Out, num(r.At[len(r.At)-1].Share, 3))
		if n := len(r.LeftOut); n > 0 {
			fmt.Fprintf(w, " of the linear layers; %d other tensors changed and are not in them (%s)", n, r.LeftOut[0])
		}
		fmt.Fprintln(w)
	}
}
