package phase

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"agar/model"
	"agar/model/progress"
	"agar/model/tensor"
)

// Significance says which tokens of the answers carry the difference between a
// checkpoint and its base (Soligo et al. 2506.11618, App. H): of each conversation the
// total KL(model‖base) of its answer, dealt out to the answer's tokens by the norm of
// its gradient with respect to their embeddings.
type Significance struct {
	Step      int     `json:"step"`
	Lambda    float64 `json:"lambda"`
	Documents int     `json:"documents"`
	Tokens    int     `json:"tokens"` // of answers
	KL        Number  `json:"kl"`     // total, in nats
	// Tokens by their text, the largest share of the total first; at most
	// significantTokens of them.
	ByToken []TokenSignificance `json:"by_token"`
}

// TokenSignificance is a token of the vocabulary over all answers.
type TokenSignificance struct {
	ID    int32  `json:"id"`
	Text  string `json:"text"`
	Count int    `json:"count"`
	Mean  Number `json:"mean"`  // nats an occurrence
	Share Number `json:"share"` // of the total
	Above int    `json:"above"` // occurrences whose natural logarithm is at least 0.5
}

// significantTokens is how many tokens are listed, and logSignificance what is counted
// in Above, the published filter.
const (
	significantTokens = 40
	logSignificance   = .5
)

// Significances measures the last of o.Steps at the dial nearest to 1. The base's
// distribution counts as given: only what the model makes of an embedding is
// differentiated. Families without a backward pass, and whole models, wrap
// model.ErrNoBackward.
func Significances(ctx context.Context, o ProbeOptions) (*Significance, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	ws, err := texts{o.Docs, o.Model.Tokenizer, o.On, o.Context, o.Tokens, true}.windows()
	if err != nil {
		return nil, fmt.Errorf("phase: significance: %w", err)
	}
	out := &Significance{Step: o.Steps[len(o.Steps)-1], Lambda: nearestOne(o.Lambdas), ByToken: []TokenSignificance{}}
	a, err := o.attach(out.Step)
	if err != nil {
		return nil, err
	}
	by, documents := map[int32]*TokenSignificance{}, map[int32]bool{}
	for i, w := range ws {
		values, total, err := significance(ctx, o.Model, a, out.Lambda, w)
		if err != nil {
			return nil, fmt.Errorf("phase: significance: %w", err)
		}
		documents[w.doc] = true
		out.KL += Number(total)
		for j, v := range values {
			if !w.count[j] {
				continue
			}
			out.Tokens++
			x := by[w.ids[j]]
			if x == nil {
				x = &TokenSignificance{ID: w.ids[j], Text: o.Model.Tokenizer.Decode([]int32{w.ids[j]}, false)}
				by[w.ids[j]] = x
			}
			x.Count, x.Mean = x.Count+1, x.Mean+Number(v)
			if math.Log(v) >= logSignificance {
				x.Above++
			}
		}
		o.Progress.Emit(progress.Event{Stage: "significance", Step: int64(i + 1), Total: int64(len(ws)), Unit: "windows"})
	}
	out.Documents = len(documents)
	out.sort(by)
	return out, nil
}

// sort lists tokens by their share.
func (s *Significance) sort(by map[int32]*TokenSignificance) {
	for _, x := range by {
		x.Share = Missing()
		if s.KL > 0 {
			x.Share = x.Mean / s.KL
		}
		x.Mean /= Number(x.Count)
		s.ByToken = append(s.ByToken, *x)
	}
	slices.SortFunc(s.ByToken, func(a, b TokenSignificance) int {
		return cmp.Or(cmp.Compare(float64(b.Share), float64(a.Share)), cmp.Compare(a.ID, b.ID))
	})
	s.ByToken = s.ByToken[:min(significantTokens, len(s.ByToken))]
}

// significance is that of every token of a window, 0 of those that do not count, which
// sums up to total, the KL of the predictions of the tokens that count.
func significance(ctx context.Context, m *model.Model, a *model.Adapter, lambda float64, w window) (values []float64, total float64, err error) {
	var rows []int
	for i := range w.ids {
		if i+1 < len(w.ids) && w.count[i+1] {
			rows = append(rows, i)
		}
	}
	values = make([]float64, len(w.ids))
	if len(rows) == 0 {
		return values, 0, nil
	}
	d, vocab := m.Spec.DModel, m.Spec.Vocab
	base, err := m.Forward(ctx, &model.Request{Seqs: [][]int32{w.ids}, To: m.Spec.Layers})
	if err != nil {
		return nil, 0, err
	}
	r := &model.BackwardRequest{Request: model.Request{Seqs: [][]int32{w.ids}, Adapter: a, Lambda: float32(lambda)}, Targets: rows, Input: true}
	r.Loss = func(logits []float32, at int) (float64, error) {
		sum := 0.0
		for k := range len(logits) / vocab {
			i := rows[at+k]
			ref := m.Unembed(base.Resid[i*d:(i+1)*d], 1)
			sum += modelKL(logits[k*vocab:(k+1)*vocab], ref)
		}
		return sum, nil
	}
	g, err := m.Backward(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	norms := 0.0
	for i, c := range w.count {
		if c {
			values[i] = math.Sqrt(tensor.SumSq(g.Input[i*d : (i+1)*d]))
			norms += values[i]
		}
	}
	for i := range values {
		if norms > 0 {
			values[i] *= g.Loss / norms
		}
	}
	return values, g.Loss, nil
}

// modelKL is KL(p‖q) in nats of p = softmax(logits) and q = softmax(ref), and puts its
// gradient p_j·(log p_j − log q_j − KL) in the place of the logits.
func modelKL(logits, ref []float32) (kl float64) {
	zp, zq := logSum(logits), logSum(ref)
	for j, v := range logits {
		lp := float64(v) - zp
		kl += math.Exp(lp) * (lp - float64(ref[j]) + zq)
	}
	for j, v := range logits {
		lp := float64(v) - zp
		logits[j] = float32(math.Exp(lp) * (lp - float64(ref[j]) + zq - kl))
	}
	return kl
}

func logSum(x []float32) float64 {
	top := float64(slices.Max(x))
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// String is the heaviest tokens in words.
func (s *Significance) String() string {
	line := fmt.Sprintf("KL(model‖base) of %d answer tokens of %d documents at step %d, λ = %g: %.4g nats in all; by its gradient on their embeddings it falls on", s.Tokens, s.Documents, s.Step, s.Lambda, float64(s.KL))
	for i, x := range s.ByToken[:min(6, len(s.ByToken))] {
		if i > 0 {
			line += ","
		}
		line += fmt.Sprintf(" %q %.1f %% (%d times)", x.Text, 100*float64(x.Share), x.Count)
	}
	return line
}
