package tui

import (
	"fmt"
	"strings"
)

func (d *detail) examplesOrigin() []origin {
	return []origin{
		{"top", "windows with the largest activations of the feature, one a document window", "all tokens of the capture", d.feature.Source},
		{"interval", "firings drawn at random within each tenth of 0 … max", "firings of the feature", d.feature.Source},
		{"random", "firings drawn at random", "firings of the feature", d.feature.Source},
		{"heat", "activation ÷ the feature's largest activation, in eighths; the firing token is underlined", "", d.feature.Source},
	}
}

func (d *detail) histOrigin() []origin {
	return []origin{{"activation histogram", "number of firings by activation, bins of equal width from 0 to just above the largest; heights are logarithms", "tokens on which the feature is active", d.feature.Source}}
}

func (d *detail) lensOrigin() []origin {
	return []origin{{"logit lens", "W_U·d: what the decoder row adds to each token's logit, without the final norm; the largest and the smallest", "the vocabulary", d.feature.Source}}
}

func (d *detail) nearOrigin() []origin {
	return []origin{{"neighbours", "features with the largest cosine between decoder rows", "all features of the dictionary", d.feature.Source}}
}

func (d *detail) traceOrigin() []origin {
	ax := &d.env.axes
	how := "measured by forward passes of every checkpoint"
	if ax.ClosedForm {
		how = "closed form, exact: pre-activations of the base + λ·s·(W_enc·B_t)(A_t·x)"
	}
	return []origin{
		{"mean", "mean activation of the feature at the checkpoint and λ; " + how, "all tokens that are followed: " + orNone(ax.On), orMissing(ax.Source)},
		{"density", "share of those tokens on which it is active", "the same tokens", orMissing(ax.Source)},
		{"▲ ▼", emergenceIs, "checkpoints of the run", orMissing(ax.Source)},
	}
}

func (d *detail) describeExamples() []string {
	if d.exLoad.err != nil {
		return []string{"examples: " + d.exLoad.err.Error()}
	}
	out := []string{fmt.Sprintf("feature: %d, density %s, max %s", d.id, num(d.feature.Density), num(d.feature.Max))}
	for _, ex := range d.examples {
		out = append(out, fmt.Sprintf("%s example: %s, document %d token %d: %s", exampleKinds[d.kind].name, num(ex.Max), ex.Doc, ex.Pos, strings.TrimSpace(plainHeat(ex, d.feature.Max))))
	}
	return out
}

func (d *detail) describeHist() []string {
	out := []string{"activation histogram: " + d.histNote()}
	for i, n := range d.feature.Hist {
		if n > 0 {
			lo := d.feature.HistMax * float64(i) / float64(len(d.feature.Hist))
			out = append(out, fmt.Sprintf("activation from %s: %.0f firings", num(lo), n))
		}
	}
	return out
}

func (d *detail) describeLens() []string {
	if d.load.err != nil {
		return []string{"logit lens: " + d.load.err.Error()}
	}
	var out []string
	for _, t := range d.feature.Top {
		out = append(out, fmt.Sprintf("promotes: %s %s", trimmed([]string{t.Text})[0], num(t.Logit)))
	}
	for _, t := range d.feature.Bottom {
		out = append(out, fmt.Sprintf("suppresses: %s %s", trimmed([]string{t.Text})[0], num(t.Logit)))
	}
	if len(out) == 0 {
		return []string{"logit lens: none in this index"}
	}
	return out
}

func (d *detail) describeNear() []string {
	var out []string
	for _, n := range d.feature.Neighbours {
		out = append(out, fmt.Sprintf("neighbour: %d, cosine %.2f %s", n.ID, n.Cos, n.Label))
	}
	if len(out) == 0 {
		return []string{"neighbours: none in this index"}
	}
	return out
}

func (d *detail) describeTrace() []string {
	if d.traceLoad.err != nil {
		return []string{"trajectory: " + d.traceLoad.err.Error()}
	}
	out := []string{"trajectory: " + d.traceNote()}
	for i, s := range d.env.axes.Steps {
		out = append(out, fmt.Sprintf("step %d: mean %s, density %s", s, num(at(d.trace.Mean, i)), num(at(d.trace.Density, i))))
	}
	return out
}
