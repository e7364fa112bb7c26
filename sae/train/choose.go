package train

import (
	"math"
	"slices"

	"agar/model/tensor"
	"agar/sae"
)

// scratch is what a step works with, kept from step to step.
type scratch struct {
	xc   []float32 // x − b_dec [Batch, DIn]
	pre  []float32 // a tile of pre-activations
	dead []int32   // features that count as dead, rising

	codes  sae.Codes // the entries kept
	auxAll sae.Codes // every activation of features that may be dead
	aux    sae.Codes // those that take part in the auxiliary loss
	bound  float32   // candidates lie above it, from the last step

	mainParts, auxParts []sae.Builder // a goroutine's share each

	residual                []float32 // x̂ − x [Batch, DIn], then 2/Batch times it: dL/dx̂
	auxGrad                 []float32 // the same of the auxiliary loss
	slope                   []float32 // dL/df of each entry of codes
	auxSlope                []float32 // and of aux
	byFeature, auxByFeature transposed
	grad                    [4][]float32 // of params, in their order
}

// tileBytes bounds the tile of pre-activations: it is written and read again
// while it is in the outer cache.
const tileBytes = 8 << 20

// partRows is how many rows of a tile one goroutine takes at a time.
const partRows = 16

// centre fills xc and packs the encoder for this step.
func (t *Trainer) centre(x []float32) {
	d := t.cfg.DIn
	t.xc = resize(t.xc, len(x))
	tensor.Parallel(t.cfg.Batch, func(r int) {
		dst := t.xc[r*d : (r+1)*d]
		for j, v := range x[r*d : (r+1)*d] {
			dst[j] = v - t.bDec[j]
		}
	})
	t.weight.Keep(t.panels)
}

// choose fills codes with the K·Batch largest activations of the batch and aux
// with the AuxK largest of the dead features of each row, and returns the
// smallest activation in codes.
//
// Of each tile only activations above bound are kept, a little below the last
// step's smallest one. When there is none, or fewer than K·Batch are above it,
// the batch is gone through once more to find a bound below which nothing can be
// among the largest. The entries kept do not depend on bound.
func (t *Trainer) choose() (smallest float32) {
	keep := t.cfg.K * t.cfg.Batch
	t.findDead()
	guessed := t.bound > 0
	if guessed {
		t.collect(t.bound)
	}
	if !guessed || t.codes.Len() < keep {
		t.collect(t.lowerBound(keep))
	}
	smallest = sae.KeepLargest(&t.codes, keep)
	t.bound = boundShare * smallest
	t.count()
	t.settleAux()
	return smallest
}

// boundShare leaves room for the smallest activation to fall from step to step.
const boundShare = 0.85

// findDead lists the features silent for DeadSteps, this step's firing aside.
func (t *Trainer) findDead() {
	t.dead = t.dead[:0]
	if t.cfg.AuxAlpha == 0 {
		return
	}
	for i, s := range t.silent {
		if int(s)+1 >= t.cfg.DeadSteps {
			t.dead = append(t.dead, int32(i))
		}
	}
}

// count brings silent up to date.
func (t *Trainer) count() {
	for i := range t.silent {
		t.silent[i] = min(t.silent[i]+1, math.MaxInt32-1)
	}
	for _, i := range t.codes.Index {
		t.silent[i] = 0
	}
}

// settleAux takes the features that have just come back to life out of dead and
// aux, and leaves the AuxK largest entries of each row of aux.
func (t *Trainer) settleAux() {
	t.dead = slices.DeleteFunc(t.dead, func(i int32) bool { return t.silent[i] == 0 })
	all := &t.auxAll
	n := (all.N + partRows - 1) / partRows
	t.aux.Reset()
	tensor.Parallel(n, func(j int) { t.settleRows(&t.auxParts[j], j*partRows, min((j+1)*partRows, all.N)) })
	for j := range n {
		t.auxParts[j].AppendTo(&t.aux)
	}
}

func (t *Trainer) settleRows(b *sae.Builder, from, to int) {
	b.Reset()
	for r := from; r < to; r++ {
		index, value := t.auxAll.Row(r)
		for j, i := range index {
			if t.silent[i] > 0 {
				b.Add(int(i), value[j])
			}
		}
		b.KeepLargest(t.cfg.AuxK)
		b.EndRow()
	}
}

// tiles computes the activations before relu of the batch tile by tile and calls
// f with each tile's number of rows.
func (t *Trainer) tiles(f func(rows int)) {
	c := &t.cfg
	tile := min(max(tileBytes/(4*c.DSAE), partRows), c.Batch)
	t.pre = resize(t.pre, tile*c.DSAE)
	for from := 0; from < c.Batch; from += tile {
		rows := min(tile, c.Batch-from)
		tensor.Linear(t.pre, t.xc[from*c.DIn:(from+rows)*c.DIn], rows, t.weight)
		f(rows)
	}
}

// preRow is row r of the tile with the bias added.
func (t *Trainer) preRow(r int) []float32 {
	pre := t.pre[r*t.cfg.DSAE : (r+1)*t.cfg.DSAE]
	tensor.Add(pre, t.bEnc)
	return pre
}

// collect fills codes with every activation above bound and auxAll with those of
// features that may be dead.
func (t *Trainer) collect(bound float32) {
	t.codes.Reset()
	t.auxAll.Reset()
	t.tiles(func(rows int) {
		n := (rows + partRows - 1) / partRows
		tensor.Parallel(n, func(j int) { t.part(j, rows, bound) })
		for j := range n {
			t.mainParts[j].AppendTo(&t.codes)
			t.auxParts[j].AppendTo(&t.auxAll)
		}
	})
}

// part collects one goroutine's rows of the tile.
func (t *Trainer) part(j, rows int, bound float32) {
	main, aux := &t.mainParts[j], &t.auxParts[j]
	main.Reset()
	aux.Reset()
	for r := j * partRows; r < min((j+1)*partRows, rows); r++ {
		pre := t.preRow(r)
		for i, v := range pre {
			if v > bound {
				main.Add(i, v)
			}
		}
		main.EndRow()
		for _, i := range t.dead {
			if v := pre[i]; v > 0 {
				aux.Add(int(i), v)
			}
		}
		aux.EndRow()
	}
}

// exponentBits is the resolution of lowerBound: sign, exponent and the upper
// bits of the fraction of a float32.
const exponentBits = 16

// lowerBound counts the activations of the batch by the upper half of their bits
// and returns a value that at least keep of them exceed, 0 when fewer are
// positive.
func (t *Trainer) lowerBound(keep int) float32 {
	total := make([]int, 1<<exponentBits)
	t.tiles(func(rows int) {
		n := (rows + partRows - 1) / partRows
		parts := make([][]int32, n)
		tensor.Parallel(n, func(j int) {
			parts[j] = make([]int32, 1<<exponentBits)
			for r := j * partRows; r < min((j+1)*partRows, rows); r++ {
				for _, v := range t.preRow(r) {
					if v > 0 {
						parts[j][math.Float32bits(v)>>exponentBits]++
					}
				}
			}
		})
		for _, p := range parts {
			for b, c := range p {
				total[b] += int(c)
			}
		}
	})
	above := 0
	for b := len(total) - 1; b > 0; b-- {
		if above += total[b]; above >= keep {
			return math.Float32frombits(uint32(b)<<exponentBits - 1)
		}
	}
	return 0
}

func resize(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
