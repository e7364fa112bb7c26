package train

import (
	"agar/model/tensor"
	"agar/sae"
)

// reconstruct decodes codes, fills residual with dL/dx̂ = 2/Batch·(x̂ − x) and
// slope with its projections on the decoder rows of the entries, and takes the
// mean squared error and explained variance of the batch.
func (t *Trainer) reconstruct(x []float32, st *Stats) {
	c := &t.cfg
	t.residual = resize(t.residual, len(x))
	t.slope = resize(t.slope, t.codes.Len())
	total := t.eachRow(3, func(r int, sums []float64) {
		e, row := t.residual[r*c.DIn:(r+1)*c.DIn], x[r*c.DIn:(r+1)*c.DIn]
		t.decode(e, &t.codes, r)
		tensor.Add(e, t.bDec)
		for j, v := range row {
			e[j] -= v
		}
		sums[0] += tensor.SumSq(e)
		sums[1] += tensor.SumSq(row)
		tensor.Scale(e, 2/float32(c.Batch))
		t.project(t.slope, &t.codes, r, e)
	})
	n := float64(c.Batch)
	st.MSE = total[0] / n
	if variance := total[1]/n - meanSq(t.columnSums(x), n); variance > 0 {
		st.EV = 1 - st.MSE/variance
	}
}

// auxiliary fills auxGrad with the gradient of α·L_aux and auxSlope with its
// projections:
//
//	L_aux = mean‖r̂ − r‖² / mean‖r − mean r‖²,   dL_aux/dr̂ = 2/(Batch·denominator)·(r̂ − r)
//
// with r = x − x̂ held fixed. A denominator of zero makes the loss zero.
func (t *Trainer) auxiliary(st *Stats) {
	c := &t.cfg
	st.Dead = len(t.dead)
	if st.Dead == 0 {
		return
	}
	n := float64(c.Batch)
	toError := n / 2 // residual holds 2/Batch of the error
	power := t.squares(t.residual) * toError * toError / n
	denominator := power - meanSq(t.columnSums(t.residual), n)*toError*toError
	if denominator <= 0 {
		t.aux.Reset()
		return
	}
	t.auxGrad = resize(t.auxGrad, len(t.residual))
	t.auxSlope = resize(t.auxSlope, t.aux.Len())
	total := t.eachRow(1, func(r int, sums []float64) {
		u := t.auxGrad[r*c.DIn : (r+1)*c.DIn]
		t.decode(u, &t.aux, r)
		tensor.Axpy(u, float32(toError), t.residual[r*c.DIn:(r+1)*c.DIn]) // r̂ − r
		sums[0] += tensor.SumSq(u)
		tensor.Scale(u, float32(c.AuxAlpha*2/(n*denominator)))
		t.project(t.auxSlope, &t.aux, r, u)
	})
	st.Aux = total[0] / n / denominator
}

// decode writes Σ f·W_dec[i] of row r of codes into dst, without bias.
func (t *Trainer) decode(dst []float32, codes *sae.Codes, r int) {
	clear(dst)
	index, value := codes.Row(r)
	for j, i := range index {
		tensor.Axpy(dst, value[j], t.row(t.wDec, int(i)))
	}
}

// project writes the products of g with the decoder rows of row r's entries.
func (t *Trainer) project(dst []float32, codes *sae.Codes, r int, g []float32) {
	for e := codes.Ptr[r]; e < codes.Ptr[r+1]; e++ {
		dst[e] = tensor.Dot(g, t.row(t.wDec, int(codes.Index[e])))
	}
}

// sumRows is how many rows are summed by one goroutine before partial sums are
// added up, in order.
const sumRows = 16

// eachRow calls f for every row of the batch with an accumulator of k sums and
// returns the totals.
func (t *Trainer) eachRow(k int, f func(r int, sums []float64)) []float64 {
	n := (t.cfg.Batch + sumRows - 1) / sumRows
	parts := make([]float64, n*k)
	tensor.Parallel(n, func(j int) {
		for r := j * sumRows; r < min((j+1)*sumRows, t.cfg.Batch); r++ {
			f(r, parts[j*k:(j+1)*k])
		}
	})
	total := make([]float64, k)
	for i, v := range parts {
		total[i%k] += v
	}
	return total
}

func (t *Trainer) squares(x []float32) float64 {
	d := t.cfg.DIn
	return t.eachRow(1, func(r int, sums []float64) { sums[0] += tensor.SumSq(x[r*d : (r+1)*d]) })[0]
}

// columnSums is Σ over the rows of x [Batch, DIn].
func (t *Trainer) columnSums(x []float32) []float64 {
	d := t.cfg.DIn
	return t.eachRow(d, func(r int, sums []float64) {
		for j, v := range x[r*d : (r+1)*d] {
			sums[j] += float64(v)
		}
	})
}

// meanSq is ‖sums/n‖².
func meanSq(sums []float64, n float64) float64 {
	total := 0.0
	for _, v := range sums {
		total += (v / n) * (v / n)
	}
	return total
}
