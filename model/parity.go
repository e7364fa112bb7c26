package model

import (
	"context"
	"fmt"
	"slices"

	"agar/model/parity"
)

// ParityOptions says how to compare with a dump.
type ParityOptions struct {
	// Tolerance is the relative error that is let pass; 0 is parity.Tolerance of
	// the dump's dtype.
	Tolerance float64
	// Attach gives the adapter of a case that has some, and the dial λ. nil is an
	// error when one is needed.
	Attach func(c *parity.Case) (*Adapter, float32, error)
	// OnCase, when set, is called before a case is run.
	OnCase func(i int, c *parity.Case)
}

// Parity runs every case of a dump and compares logits, hooks, greedy tokens and
// ids. That the dump is of this model is for the caller to check
// (Dump.SameModel).
func (m *Model) Parity(ctx context.Context, d *parity.Dump, o ParityOptions) (*parity.Report, error) {
	r := &parity.Report{Tolerance: o.Tolerance, Cases: len(d.Cases)}
	if r.Tolerance == 0 {
		r.Tolerance = parity.Tolerance(d.DType)
	}
	for i := range d.Cases {
		c := &d.Cases[i]
		if o.OnCase != nil {
			o.OnCase(i, c)
		}
		if err := m.parityCase(ctx, d, c, &o, r); err != nil {
			return nil, fmt.Errorf("case %q: %w", c.Name, err)
		}
	}
	return r, nil
}

func (m *Model) parityCase(ctx context.Context, d *parity.Dump, c *parity.Case, o *ParityOptions, r *parity.Report) error {
	a, lambda, err := o.adapter(c)
	if err != nil {
		return err
	}
	var hooks []string
	for _, h := range c.Hooks {
		if _, err := m.Hook(h, a); err != nil {
			r.Missing = append(r.Missing, c.Name+": "+h)
			continue
		}
		hooks = append(hooks, h)
	}
	got, err := m.Rows(ctx, c, hooks, a, lambda)
	if err != nil {
		return err
	}
	devs, err := d.Compare(c, got)
	if err != nil {
		return err
	}
	r.Deviations = append(r.Deviations, devs...)
	if c.Text != "" && m.Tokenizer != nil {
		e, err := m.Tokenizer.Encode(c.Text, true)
		if err != nil {
			return err
		}
		if !slices.Equal(e.IDs, c.IDs) {
			r.IDs = append(r.IDs, c.Name)
		}
	}
	return m.parityGreedy(ctx, c, a, lambda, r)
}

// parityGreedy compares greedy tokens, as many as there are positions for: a dump
// may have one more, which stands behind the last.
func (m *Model) parityGreedy(ctx context.Context, c *parity.Case, a *Adapter, lambda float32, r *parity.Report) error {
	n := min(len(c.Greedy), m.Spec.MaxPos-len(c.IDs))
	if n <= 0 {
		return nil
	}
	out, err := m.Generate(ctx, [][]int32{c.IDs}, GenerateOptions{MaxTokens: n, Adapter: a, Lambda: lambda, IgnoreEOS: true})
	if err == nil {
		fits := *c
		fits.Greedy = c.Greedy[:n]
		r.Greedy(&fits, out[0].IDs)
	}
	return err
}

func (o *ParityOptions) adapter(c *parity.Case) (*Adapter, float32, error) {
	if len(c.Adapters) == 0 {
		return nil, 0, nil
	}
	if o.Attach == nil {
		return nil, 0, fmt.Errorf("model: %w: the dump has the adapter %s and none was given", ErrAdapter, c.Adapters[0].Name)
	}
	return o.Attach(c)
}

// Rows runs a case and gives its rows of the hooks and of the logits. Only those
// rows are kept, so that a long case of a large model fits.
func (m *Model) Rows(ctx context.Context, c *parity.Case, hooks []string, a *Adapter, lambda float32) (parity.Got, error) {
	got := parity.Got{}
	keep := func(name string, x []float32, rows Rows) {
		width := len(x) / len(rows.Pos)
		if got[name] == nil {
			got[name] = make([]float32, len(c.Rows)*width)
		}
		for i, pos := range rows.Pos {
			if at, ok := slices.BinarySearch(c.Rows, int(pos)); ok {
				copy(got[name][at*width:(at+1)*width], x[i*width:])
			}
		}
	}
	r := &Request{Seqs: [][]int32{c.IDs}, Adapter: a, Lambda: lambda}
	r.OnLogits = func(x []float32, rows Rows) error { keep(parity.Logits, x, rows); return nil }
	for _, h := range hooks {
		r.Edits = append(r.Edits, Edit{h, func(x []float32, rows Rows) { keep(h, x, rows) }})
	}
	_, err := m.Forward(ctx, r)
	return got, err
}
