package eval

import (
	"context"
	"fmt"

	"agar/activations"
	"agar/model"
	"agar/model/progress"
	"agar/sae"
)

// Options says what a dictionary is judged on.
type Options struct {
	Filter activations.Filter // which tokens count
	From   int64              // first row of the store that counts: what was held out; 0: all rows
	Tokens int64              // most tokens to rebuild; 0: all

	// Model, when there is one, is spliced with the dictionary, with the adapter
	// that the capture was made with.
	Model    *model.Model
	Adapter  *model.Adapter
	Lambda   float32
	CETokens int64 // most tokens to run through the model; 0: 8,192

	Progress progress.Func
}

const defaultCETokens = 8192

// Report is the judgement on a dictionary.
type Report struct {
	Hook      string              `json:"hook"`
	From      int64               `json:"from_row"`
	Tokens    int64               `json:"tokens"`
	L0        float64             `json:"l0"`
	EV        float64             `json:"explained_variance"`
	EVLegacy  float64             `json:"explained_variance_legacy"`
	MSE       float64             `json:"mse"`
	Dead      int                 `json:"dead"`
	DeadOf    int                 `json:"dead_of"` // features there are; Tokens is what they could fire on
	LeftOut   activations.LeftOut `json:"left_out"`
	LeftShare float64             `json:"left_out_share"` // of all rows of the store
	CE        *CE                 `json:"ce"`             // nil without a model
	Density   []float32           `json:"-"`              // of each feature, over Tokens
}

// Evaluate judges s on the rows of hook that the options name.
func Evaluate(ctx context.Context, s *sae.SAE, store *activations.Store, hook string, o Options) (*Report, error) {
	src, err := store.Source(hook, o.Filter)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	keep, left, err := store.Kept(hook, o.Filter)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	if err := skipTo(src, keep, o.From); err != nil {
		return nil, err
	}
	rec, err := Reconstruct(ctx, s, src, o.Tokens, o.Progress)
	if err != nil {
		return nil, err
	}
	rep := &Report{
		Hook: hook, From: o.From, Tokens: rec.Tokens, L0: rec.L0, EV: rec.EV, EVLegacy: rec.EVLegacy, MSE: rec.MSE,
		Dead: rec.Dead, DeadOf: s.DSAE, LeftOut: left, LeftShare: left.Share(), Density: rec.Density,
	}
	if o.Model == nil {
		return rep, nil
	}
	limit := o.CETokens
	if limit <= 0 {
		limit = defaultCETokens
	}
	windows, err := Windows(store, keep, o.From, limit)
	if err != nil {
		return nil, err
	}
	sp := Splicing{Model: o.Model, Adapter: o.Adapter, Lambda: o.Lambda, Hook: hook, Mean: rec.MeanActivation}
	rep.CE, err = Splice(ctx, s, windows, sp, o.Progress)
	return rep, err
}

// skipTo moves src, which hands out the rows that keep marks, to the first of
// index from.
func skipTo(src activations.Source, keep []bool, from int64) error {
	if from <= 0 {
		return nil
	}
	if from > int64(len(keep)) {
		return fmt.Errorf("eval: first row %d: the store has %d", from, len(keep))
	}
	seek, ok := src.(activations.Seeker)
	if !ok {
		return fmt.Errorf("eval: a source of type %T cannot seek", src)
	}
	before := int64(0)
	for _, k := range keep[:from] {
		if k {
			before++
		}
	}
	return seek.SeekRow(before)
}

// windowRows is how many rows of token ids are read at a time.
const windowRows = 4096

// Windows reads whole windows of the store, beginning with the one that row from
// lies in, until limit tokens are reached (0: all). keep marks rows of the store.
func Windows(store *activations.Store, keep []bool, from, limit int64) ([]Window, error) {
	var out []Window
	var rows activations.Rows
	if err := store.Provenance(&rows, from, 1); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	if rows.N > 0 {
		from -= int64(rows.Pos[0])
	}
	n := int64(0)
	for row := from; row < store.Len(); row += int64(rows.N) {
		if err := store.Provenance(&rows, row, windowRows); err != nil {
			return nil, fmt.Errorf("eval: %w", err)
		}
		for i, id := range rows.Token {
			if len(out) == 0 || rows.Pos[i] == 0 {
				if limit > 0 && n >= limit {
					return out, nil
				}
				out = append(out, Window{})
			}
			w := &out[len(out)-1]
			w.IDs, w.Keep = append(w.IDs, id), append(w.Keep, keep[rows.Index[i]])
			n++
		}
	}
	return out, nil
}

// Metadata is what the report adds to a dictionary's cfg.json: SAELens's l0 and
// agar's own keys.
func (r *Report) Metadata() map[string]any {
	m := map[string]any{
		"l0": r.L0, "explained_variance": r.EV, "explained_variance_legacy": r.EVLegacy,
		"evaluation_mse": r.MSE, "evaluation_tokens": r.Tokens, "evaluation_from_row": r.From, "dead_on_evaluation": r.Dead,
		"left_out": r.LeftOut, "left_out_share": r.LeftShare,
	}
	if r.CE != nil {
		m["evaluation_ce"] = r.CE
	}
	return m
}
