package features

import (
	"cmp"
	"context"
	"math"
	"slices"

	"agar/model/progress"
	"agar/model/tensor"
	"agar/sae"
)

// lensOf is the logit lens of one feature.
type lensOf struct{ top, bottom []TokenLogit }

// lensBatch is how many features go through the unembedding at a time.
const lensBatch = 64

// lenses gives the tokens that each feature promotes and suppresses most.
func lenses(ctx context.Context, s *sae.SAE, l Lens, piece func(int32) string, p progress.Func) ([]lensOf, error) {
	out := make([]lensOf, s.DSAE)
	if l == nil {
		return out, nil
	}
	for i := 0; i < s.DSAE; i += lensBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(lensBatch, s.DSAE-i)
		logits := logitsOf(l, s, i, n)
		vocab := len(logits) / n
		tensor.Parallel(n, func(j int) {
			row := logits[j*vocab : (j+1)*vocab]
			out[i+j] = lensOf{extremes(row, 1, piece), extremes(row, -1, piece)}
		})
		p.Emit(progress.Event{Stage: "logit lens", Step: int64(i + n), Total: int64(s.DSAE), Unit: "features"})
	}
	return out, nil
}

// logitsOf is W_U·d for features [i, i+n).
func logitsOf(l Lens, s *sae.SAE, i, n int) []float32 {
	if b, ok := l.(LensBatch); ok {
		return b.LogitLensBatch(s.WDec[i*s.DIn:(i+n)*s.DIn], n)
	}
	var out []float32
	for j := range n {
		out = append(out, l.LogitLens(s.Decoder(i+j))...)
	}
	return out
}

// extremes are the lensTokens largest logits times sign, largest first; of equal
// ones the lower token comes first.
func extremes(logits []float32, sign float32, piece func(int32) string) []TokenLogit {
	kept := make([]TokenLogit, 0, lensTokens+1)
	bar := float32(math.Inf(-1))
	for id, v := range logits {
		if len(kept) == lensTokens && !(v*sign > bar) {
			continue
		}
		kept = append(kept, TokenLogit{ID: int32(id), Logit: v})
		slices.SortStableFunc(kept, func(a, b TokenLogit) int { return cmp.Compare(b.Logit*sign, a.Logit*sign) })
		kept = kept[:min(len(kept), lensTokens)]
		bar = kept[len(kept)-1].Logit * sign
	}
	for i := range kept {
		kept[i].Text = piece(kept[i].ID)
	}
	return kept
}
