package phase

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// manyModules writes six modules of rank 3, of which the turning one (−1: none) turns
// by 70° at step 150. Factors are mixed anew at every checkpoint, B·G and G⁻¹·A, which
// leaves ΔW as it is.
func manyModules(t *testing.T, turning int, seed uint64) string {
	t.Helper()
	const in, out, rank, modules = 8, 10, 3, 6
	rng := rand.New(rand.NewPCG(seed, 12))
	type plan struct{ a, one, two, at []float32 }
	plans := make([]plan, modules)
	for m := range plans {
		plans[m] = plan{random(rng, rank*in), random(rng, out*rank), random(rng, out*rank), make([]float32, out*rank)}
	}
	steps := every(5, 300)
	states := map[int]map[string]state{}
	for _, s := range steps {
		states[s] = map[string]state{}
		for m := range plans {
			p := &plans[m]
			c, d := 1.0, 0.0
			if m == turning && s > 150 {
				c, d = math.Cos(70*math.Pi/180), math.Sin(70*math.Pi/180)
			}
			for i := range p.at {
				p.at[i] += float32(c)*p.one[i] + float32(d)*p.two[i] + .15*float32(rng.NormFloat64())
			}
			a, b := mixed(p.a, p.at, rank, in, out, rng)
			states[s][fmt.Sprintf("model.layers.%d.mlp.down_proj", m)] = state{rank, in, out, a, b}
		}
	}
	return writeRun(t, 3, false, steps, func(step int) map[string]state { return states[step] })
}

// mixed multiplies B by a random triangular G with ones on its diagonal and A by its
// inverse.
func mixed(a, b []float32, rank, in, out int, rng *rand.Rand) (x, y []float32) {
	x, y = append([]float32(nil), a...), append([]float32(nil), b...)
	for i := range rank {
		for j := range i {
			g := float32(rng.NormFloat64())
			for o := range out { // column j of B gains g times column i
				y[o*rank+j] += g * y[o*rank+i]
			}
			for k := range in { // row i of A loses g times row j
				x[i*in+k] -= g * x[j*in+k]
			}
		}
	}
	return x, y
}

// TestManyModules finds the one of six rank-3 modules that turns, whatever its factors
// are, and none where none does.
func TestManyModules(t *testing.T) {
	for _, turning := range []int{0, 4} {
		r := analyse(t, manyModules(t, turning, 1), Options{NoHashes: true})
		name := fmt.Sprintf("model.layers.%d.mlp.down_proj", turning)
		e := turnsOf(r)
		t.Logf("module %d turns: %v by %v", turning, e, r.Events)
		if len(e) != 1 || e[0].Module != name || abs(e[0].Step-150) > 5 || e[0].Agreement.Modules[0] != name {
			t.Errorf("events %+v, expected one of %s at 150", e, name)
		}
		if len(e) == 1 && math.Abs(float64(e[0].Statistic)-70) > 3*float64(e[0].SE)+5 {
			t.Errorf("turned by %v ± %v°, planted 70°", e[0].Statistic, e[0].SE)
		}
	}
	seeds, found := 5, 0
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		found += len(turnsOf(analyse(t, manyModules(t, -1, uint64(seed)), Options{NoHashes: true})))
	}
	t.Logf("%d false turns in %d runs of six modules", found, seeds)
	if found > 0 {
		t.Errorf("%d false turns in %d runs", found, seeds)
	}
}
