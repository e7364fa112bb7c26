package eval

import (
	"context"
	"errors"
	"fmt"
	"io"

	"agar/activations"
	"agar/model/progress"
	"agar/model/tensor"
	"agar/sae"
)

// blockRows is how many tokens are judged at a time; the legacy explained
// variance takes its mean over such a block.
const blockRows = 4096

// Reconstruction is how well activations are rebuilt.
type Reconstruction struct {
	Tokens          int64     // judged
	L0              float64   // mean features a token
	MSE             float64   // mean ‖x − x̂‖²
	EV              float64   // explained_variance of the package comment
	EVLegacy        float64   // explained_variance_legacy
	Dead            int       // features that fired on none of Tokens
	Density         []float32 // share of Tokens on which each feature fired
	MeanActivation  []float32 // mean x [DIn], what mean ablation puts in
	MeanSquaredNorm float64   // mean ‖x‖²
}

// Reconstruct rebuilds up to limit rows of src (0: all) with s. It is an error
// when there are none, or when their width is not that of s.
func Reconstruct(ctx context.Context, s *sae.SAE, src activations.Source, limit int64, p progress.Func) (*Reconstruction, error) {
	if src.Dim() != s.DIn {
		return nil, fmt.Errorf("eval: found activations of width %d, the dictionary has d_in %d", src.Dim(), s.DIn)
	}
	t := newTally(s)
	var rows activations.Rows
	for limit <= 0 || t.n < limit {
		want := blockRows
		if limit > 0 {
			want = int(min(blockRows, limit-t.n))
		}
		n, err := t.gather(ctx, src, &rows, want)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		t.block(n)
		p.Emit(progress.Event{Stage: "evaluate", Step: t.n, Total: max(limit, 0), Unit: "tokens"})
	}
	if t.n == 0 {
		return nil, errors.New("eval: found no activations to judge the dictionary on")
	}
	return t.result(), nil
}

// tally sums up over blocks, in float64.
type tally struct {
	s       *sae.SAE
	stream  *sae.Stream
	codes   sae.Codes
	x, xhat []float32 // of a block
	n       int64
	entries int64
	fired   []int64
	sum     []float64 // Σ x
	square  float64   // Σ ‖x‖²
	err2    float64   // Σ ‖x − x̂‖²
	legacy  float64   // Σ (1 − ‖x − x̂‖² / ‖x − block mean‖²)
}

func newTally(s *sae.SAE) *tally {
	return &tally{s: s, stream: s.Stream(), fired: make([]int64, s.DSAE), sum: make([]float64, s.DIn)}
}

// gather reads up to want rows, so that blocks do not depend on how the source
// cuts its rows.
func (t *tally) gather(ctx context.Context, src activations.Source, rows *activations.Rows, want int) (int, error) {
	t.x = t.x[:0]
	n := 0
	for n < want {
		err := src.Next(ctx, rows, want-n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("eval: read activations: %w", err)
		}
		t.x = append(t.x, rows.X[:rows.N*rows.D]...)
		n += rows.N
	}
	return n, nil
}

// block judges the n rows at hand.
func (t *tally) block(n int) {
	d := t.s.DIn
	t.stream.Encode(&t.codes, t.x, n)
	if cap(t.xhat) < len(t.x) {
		t.xhat = make([]float32, len(t.x))
	}
	t.xhat = t.xhat[:len(t.x)]
	t.s.Decode(t.xhat, &t.codes)
	for _, i := range t.codes.Index {
		t.fired[i]++
	}
	t.entries += int64(t.codes.Len())
	mean := blockMean(t.x, n, d)
	for r := range n {
		x, xhat := t.x[r*d:(r+1)*d], t.xhat[r*d:(r+1)*d]
		e, v := distances(x, xhat, mean)
		t.err2 += e
		t.square += tensor.SumSq(x)
		if v > 0 {
			t.legacy += 1 - e/v
		}
		for j, a := range x {
			t.sum[j] += float64(a)
		}
	}
	t.n += int64(n)
}

// blockMean is the mean row of x [n, d].
func blockMean(x []float32, n, d int) []float64 {
	mean := make([]float64, d)
	for i, v := range x {
		mean[i%d] += float64(v)
	}
	for j := range mean {
		mean[j] /= float64(n)
	}
	return mean
}

// distances returns ‖x − x̂‖² and ‖x − mean‖².
func distances(x, xhat []float32, mean []float64) (e, v float64) {
	for j, a := range x {
		p, q := float64(a)-float64(xhat[j]), float64(a)-mean[j]
		e += p * p
		v += q * q
	}
	return e, v
}

func (t *tally) result() *Reconstruction {
	n := float64(t.n)
	r := &Reconstruction{
		Tokens: t.n, L0: float64(t.entries) / n, MSE: t.err2 / n, EVLegacy: t.legacy / n, MeanSquaredNorm: t.square / n,
		Density: make([]float32, t.s.DSAE), MeanActivation: make([]float32, t.s.DIn),
	}
	meanSq := 0.0
	for j, v := range t.sum {
		m := v / n
		r.MeanActivation[j] = float32(m)
		meanSq += m * m
	}
	if variance := t.square/n - meanSq; variance > 0 {
		r.EV = 1 - r.MSE/variance
	}
	for i, c := range t.fired {
		r.Density[i] = float32(float64(c) / n)
		if c == 0 {
			r.Dead++
		}
	}
	return r
}
