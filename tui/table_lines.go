package tui

import (
	"fmt"
	"strings"
)

// emergenceIs defines the onset of a feature.
const emergenceIs = "first checkpoint from which on the mean stays on the far side of the middle between the base's and the last checkpoint's; ▲ rises, ▼ falls, · changes by less than a tenth of its own largest mean"

func (f *table) tableOrigin() []origin {
	lam := "λ nearest to 1"
	if ls := f.env.axes.Lambdas; len(ls) > 0 {
		lam = "λ = " + dial(ls[nearestOne(ls)])
	}
	src, traj := f.order.Source, f.env.axes.Source
	return []origin{
		{"density", "share of tokens on which the feature is active", f.order.Over, src},
		{"max, mean", "largest activation; mean over the tokens on which it is active", f.order.Over, src},
		{"Δ train", "mean activation over all tokens at the last checkpoint − that of the base model, " + lam, "the tokens that the trajectory follows", orMissing(traj)},
		{"onset", emergenceIs, "checkpoints of the run", orMissing(traj)},
		{"trend", "mean activation by checkpoint, each row on its own scale", "checkpoints of the run", orMissing(traj)},
		{"top tokens", "tokens whose logits the decoder row raises most, W_U·d without the final norm", "the vocabulary", src},
		{"† dead", "features that were active on no token", f.order.Over, src},
		{"left out", orNone(f.order.Left), "", src},
	}
}

func orMissing(path string) string {
	if path == "" {
		return "missing: no trajectory is open"
	}
	return path
}

func (f *table) previewOrigin() []origin {
	return []origin{
		{"examples", "windows with the largest activations, one a document window; heat is the activation over the feature's largest, in eighths", f.order.Over, f.order.Source},
		{"+ −", "tokens whose logits the decoder row raises and lowers most, W_U·d without the final norm", "the vocabulary", f.order.Source},
		{"near", "features with the largest cosine of decoder rows", "all features of the dictionary", f.order.Source},
	}
}

func (f *table) describeTable() []string {
	if f.orderLoad.err != nil {
		return []string{"features: " + f.orderLoad.err.Error()}
	}
	out := []string{
		fmt.Sprintf("features: %d, dead %d, %s", f.order.Total, f.order.Dead, f.sortNote()),
	}
	for i := f.top; i < min(f.top+f.page(), len(f.shown)); i++ {
		row, ok := f.rows[f.shown[i]]
		if !ok {
			continue
		}
		out = append(out, fmt.Sprintf("feature %d: density %s, max %s, mean %s, change %s, onset %s, %s",
			row.ID, num(row.Density), num(row.Max), num(row.Mean), signed(row.Delta), onsetWords(&row), row.text()))
	}
	return out
}

// onsetWords is the onset without glyphs.
func onsetWords(r *Row) string {
	switch {
	case r.Onset < 0:
		return "none"
	case r.Delta > 0:
		return "rises at " + stepName(r.Onset)
	}
	return "falls at " + stepName(r.Onset)
}

func (f *table) describeHist() []string {
	out := []string{fmt.Sprintf("density histogram: %d bins of log10 density from %.2f to %.2f", len(f.order.Hist), f.order.HistLo, f.order.HistHi)}
	width := (f.order.HistHi - f.order.HistLo) / float64(max(len(f.order.Hist), 1))
	for i, n := range f.order.Hist {
		if n > 0 {
			out = append(out, fmt.Sprintf("density 1e%.2f: %.0f features", f.order.HistLo+width*float64(i), n))
		}
	}
	return out
}

func (f *table) describePreview() []string {
	ft := &f.look.feature
	if f.look.load.err != nil {
		return []string{"preview: " + f.look.load.err.Error()}
	}
	out := []string{
		fmt.Sprintf("preview: feature %d", ft.ID),
		"promotes: " + tokenList(ft.Top), "suppresses: " + tokenList(ft.Bottom),
		"near: " + neighbourList(ft.Neighbours),
	}
	for _, ex := range f.look.examples {
		out = append(out, fmt.Sprintf("example %s: %s", num(ex.Max), strings.TrimSpace(plainHeat(ex, ft.Max))))
	}
	return out
}
