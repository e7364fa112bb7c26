package phase

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"agar/model/lora"
)

// TestRankOneNorm has ‖s·BA‖_F = |s|·‖B‖·‖A‖, ΔW formed.
func TestRankOneNorm(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	m := lora.Module{R: 1, In: 9, Out: 13, A: random(rng, 9), B: random(rng, 13), Scale: -64}
	sum := 0.0
	for _, b := range m.B {
		for _, a := range m.A {
			v := m.Scale * float64(b) * float64(a)
			sum += v * v
		}
	}
	product := math.Abs(m.Scale) * m.NormA() * m.NormB()
	if got := m.NormDelta(); math.Abs(got/math.Sqrt(sum)-1) > 1e-12 || math.Abs(got/product-1) > 1e-12 {
		t.Errorf("‖ΔW‖ = %.15g, formed %.15g, |s|·‖A‖·‖B‖ = %.15g", got, math.Sqrt(sum), product)
	}
}

// TestGramEqualsSVD has the components through the Gram matrix equal to those of the
// singular value decomposition of the centred rows.
func TestGramEqualsSVD(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	const n, d = 9, 25
	x := mat.NewDense(n, d, nil)
	for i := range n {
		for j := range d {
			x.Set(i, j, rng.NormFloat64()*float64(1+j%4)+float64(j))
		}
	}
	g := square(n)
	for i := range n {
		for j := range n {
			g[i][j] = mat.Dot(x.RowView(i), x.RowView(j))
		}
	}
	c := pca(g, upTo(n), 3)
	for j := range d {
		mean := 0.0
		for i := range n {
			mean += x.At(i, j) / n
		}
		for i := range n {
			x.Set(i, j, x.At(i, j)-mean)
		}
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDThin) {
		t.Fatal("no decomposition")
	}
	var u mat.Dense
	svd.UTo(&u)
	values, total, worst := svd.Values(nil), 0.0, 0.0
	for _, v := range values {
		total += v * v
	}
	for k := range 3 {
		worst = max(worst, math.Abs(c.ratios[k]-values[k]*values[k]/total))
		side := math.Copysign(1, u.At(0, k)*c.scores[0][k])
		top := 0.0
		for i := range n {
			worst = max(worst, math.Abs(c.scores[i][k]-side*u.At(i, k)*values[k])/values[0])
			if math.Abs(c.scores[i][k]) > math.Abs(top) {
				top = c.scores[i][k]
			}
		}
		if top < 0 {
			t.Errorf("component %d: its largest score is negative", k)
		}
	}
	t.Logf("worst difference %.2g", worst)
	if worst > 1e-10 {
		t.Errorf("worst difference %g", worst)
	}
}

// TestRandomWalkComponents has the centred components of long random walks hold
// 6/π² = 60.8 % and 6/(4π²) = 15.2 % of the variance.
func TestRandomWalkComponents(t *testing.T) {
	p := plant{steps: 300, spacing: 1, width: 5000, still: true, level: 13}.planter()
	var first, second float64
	const seeds = 3
	for seed := range uint64(seeds) {
		steps, v := p.draw(rand.New(rand.NewPCG(seed, 9)))
		c := pca(v, upTo(len(steps)), 2)
		first, second = first+c.ratios[0]/seeds, second+c.ratios[1]/seeds
	}
	t.Logf("a random walk of 300 steps in 5,000 dimensions: %.2f %% and %.2f %%", 100*first, 100*second)
	if math.Abs(first-randomWalkShares[0]) > .01 || math.Abs(second-randomWalkShares[1]) > .01 || math.Abs(randomWalkShares[0]-.608) > 5e-4 || math.Abs(randomWalkShares[1]-.152) > 5e-4 {
		t.Errorf("found %.4f and %.4f, expected %.4f and %.4f", first, second, randomWalkShares[0], randomWalkShares[1])
	}
}
