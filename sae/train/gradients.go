package train

import (
	"math"

	"agar/model/tensor"
)

// projectEps is added to a decoder row's norm when the gradient is projected, as
// in dictionary_learning.
const projectEps = 1e-6

// gradients fills grad from the entries and returns the norm of all of it, after
// the decoder's part has been made orthogonal to the decoder:
//
//	dW_dec[i] = Σ f·g,   dW_enc[i] = Σ f'·(x − b_dec),   db_enc[i] = Σ f'
//	db_dec = Σ g − Σᵢ db_enc[i]·W_enc[i]
//
// over the rows on which i fires, with g = dL/dx̂ of the row and f' = dL/df of
// the entry. A feature's sums run over rising rows, so threads change nothing.
func (t *Trainer) gradients() float64 {
	t.byFeature.of(&t.codes, t.cfg.DSAE)
	t.auxByFeature.of(&t.aux, t.cfg.DSAE)
	norms := make([]float64, t.cfg.DSAE)
	tensor.Parallel(t.cfg.DSAE, func(i int) { norms[i] = t.featureGradient(i) })
	t.biasGradient()
	total := tensor.SumSq(t.grad[3])
	for _, v := range norms {
		total += v
	}
	return math.Sqrt(total)
}

// featureGradient fills the gradients of feature i and returns the sum of their
// squares.
func (t *Trainer) featureGradient(i int) float64 {
	enc, dec := t.row(t.grad[0], i), t.row(t.grad[2], i)
	clear(enc)
	clear(dec)
	bias := t.accumulate(enc, dec, t.byFeature.places(i), t.codes.Value, t.slope, t.residual)
	bias += t.accumulate(enc, dec, t.auxByFeature.places(i), t.aux.Value, t.auxSlope, t.auxGrad)
	t.grad[1][i] = bias
	orthogonal(dec, t.row(t.wDec, i))
	return tensor.SumSq(enc) + tensor.SumSq(dec) + float64(bias)*float64(bias)
}

// accumulate adds the entries' parts to enc and dec and returns that of the bias.
func (t *Trainer) accumulate(enc, dec []float32, places []place, value, slope, g []float32) (bias float32) {
	d := t.cfg.DIn
	for _, p := range places {
		r := int(p.row) * d
		tensor.Axpy(dec, value[p.entry], g[r:r+d])
		tensor.Axpy(enc, slope[p.entry], t.xc[r:r+d])
		bias += slope[p.entry]
	}
	return bias
}

// orthogonal takes from g its component along w.
func orthogonal(g, w []float32) {
	norm := float32(math.Sqrt(tensor.SumSq(w))) + projectEps
	along := tensor.Dot(g, w) / norm
	tensor.Axpy(g, -along/norm, w)
}

// biasGradient fills the gradient of b_dec. The residual of the auxiliary loss is
// held fixed and its reconstruction has no bias, so only its encoder side counts.
func (t *Trainer) biasGradient() {
	sums := t.columnSums(t.residual)
	through := t.encoderSums()
	for j := range t.grad[3] {
		t.grad[3][j] = float32(sums[j] - through[j])
	}
}

// encoderSums is Σᵢ db_enc[i]·W_enc[i].
func (t *Trainer) encoderSums() []float64 {
	d := t.cfg.DIn
	n := (t.cfg.DSAE + blockFeatures - 1) / blockFeatures
	parts := make([]float32, n*d)
	tensor.Parallel(n, func(b int) {
		for i := b * blockFeatures; i < min((b+1)*blockFeatures, t.cfg.DSAE); i++ {
			tensor.Axpy(parts[b*d:(b+1)*d], t.grad[1][i], t.row(t.wEnc, i))
		}
	})
	total := make([]float64, d)
	for k, v := range parts {
		total[k%d] += float64(v)
	}
	return total
}

// blockFeatures is how many features one goroutine takes at a time.
const blockFeatures = 64

// update clips the gradient of the given norm, takes a step of Adam and scales
// the decoder's rows back to norm 1.
func (t *Trainer) update(lr, norm float64) {
	c := tensor.AdamConst{LR: lr, Beta1: beta1, Beta2: beta2, Eps: adamEps, Step: t.step + 1}
	clip := float32(min(clipNorm/(norm+clipEps), 1))
	params := t.params()
	d := t.cfg.DIn
	tensor.Parallel((t.cfg.DSAE+blockFeatures-1)/blockFeatures, func(b int) {
		from, to := b*blockFeatures, min((b+1)*blockFeatures, t.cfg.DSAE)
		t.adam(0, params[0], from*d, to*d, clip, c)
		t.adam(1, params[1], from, to, clip, c)
		t.adam(2, params[2], from*d, to*d, clip, c)
		for i := from; i < to; i++ {
			unit(t.row(t.wDec, i))
		}
	})
	t.adam(3, params[3], 0, d, clip, c)
}

// clipEps is added to the norm before dividing by it, as torch does.
const clipEps = 1e-6

// adam updates elements [from, to) of parameter k.
func (t *Trainer) adam(k int, p []float32, from, to int, clip float32, c tensor.AdamConst) {
	g := t.grad[k][from:to]
	if clip < 1 {
		tensor.Scale(g, clip)
	}
	tensor.AdamStep(p[from:to], g, t.moments[k].m[from:to], t.moments[k].v[from:to], c)
}
