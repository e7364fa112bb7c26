package phase

import (
	"math"
	"math/rand/v2"
	"testing"

	"agar/model/stats"
)

// base is the planted series of the tests: checkpoints every 5 of 400 steps, 640
// dimensions, a median plain angle of 13° at k = 10.
func base() plant { return plant{steps: 400, spacing: 5, width: 640, level: 13} }

func linear(u float64) float64 { return 1 - u }

// medianPlain is the median plain angle at k = 2 spacings.
func medianPlain(v [][]float64) float64 {
	var deg []float64
	for t := 2; t+2 < len(v); t++ {
		deg = append(deg, degrees(-localCos(v, t-2, t, t+2, false)))
	}
	return stats.Median(deg)
}

// TestNoTurns draws paths without a turn: at most 1 of 100 seeds of each kind
// may give an event.
func TestNoTurns(t *testing.T) {
	with := func(f func(*plant)) plant { p := base(); f(&p); return p }
	kinds := []struct {
		name string
		p    plant
	}{
		{"straight", base()},
		{"lr decay", with(func(p *plant) { p.lr = linear })},
		{"lr decay, noise constant", with(func(p *plant) { p.lr, p.fixed = linear, true })},
		{"growing noise", with(func(p *plant) { p.noise = func(u float64) float64 { return .5 + 2*u } })},
		{"noise growing sixfold", with(func(p *plant) { p.noise = func(u float64) float64 { return 1 + 5*u } })},
		{"AdamW-correlated noise", with(func(p *plant) { p.momentum = .9 })},
		{"the same under lr decay", with(func(p *plant) { p.momentum, p.lr = .9, linear })},
		{"arc", with(func(p *plant) { p.arc = 90 })},
		{"half circle", with(func(p *plant) { p.arc = 180 })},
		{"arc with decay", with(func(p *plant) { p.arc, p.lr = 90, linear })},
		{"random walk", with(func(p *plant) { p.still = true })},
		{"lr kink", with(func(p *plant) { p.lr = kink })},
		{"plain angle of 30°", with(func(p *plant) { p.level = 30 })},
		{"plain angle of 45°", with(func(p *plant) { p.level = 45 })},
		{"width 90", with(func(p *plant) { p.width = 90 })},
	}
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	for _, k := range kinds {
		pl, found, median := k.p.planter(), 0, []float64(nil)
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			steps, v := pl.draw(rng)
			median = append(median, medianPlain(v))
			w := newWalk(steps, v, upTo(len(steps)), 10)
			if len(turns(5, 3).find(w, defaultDebiasedKs(5))) > 0 {
				found++
			}
		}
		t.Logf("%-26s median plain angle %4.1f°: %d false turns in %d seeds", k.name, stats.Median(median), found, seeds)
		if found > 1 {
			t.Errorf("%s: false turns in %d of %d seeds, at most 1 is allowed", k.name, found, seeds)
		}
	}
}

func kink(u float64) float64 {
	if u < .5 {
		return 1
	}
	return .1
}

// outcome counts what became of planted turns.
type outcome struct {
	located, covered, several, seeds int
	off                              []float64
}

// TestPlantedTurns is the power curve: a turn counts as located when the first
// event is within one spacing of its middle. Turns take 1 to 8 spacings and lie
// in the middle half of the run.
func TestPlantedTurns(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	for _, lr := range []struct {
		name string
		f    func(float64) float64
		want float64
	}{{"constant", nil, .95}, {"linear decay", linear, .85}} {
		for _, deg := range []float64{15, 20, 25, 30, 45, 60} {
			p := base()
			p.lr, p.deg = lr.f, deg
			o := plantTurns(p, seeds)
			t.Logf("lr %-12s turn %2.0f°: located %3d, interval covers it %3d, more than one event %d, of %d; median distance %.1f steps",
				lr.name, deg, o.located, o.covered, o.several, o.seeds, stats.Median(o.off))
			if deg >= 20 && float64(o.located) < lr.want*float64(seeds) {
				t.Errorf("lr %s, %g°: located %d of %d, want %.0f %%", lr.name, deg, o.located, seeds, 100*lr.want)
			}
			if o.several > seeds/50 {
				t.Errorf("lr %s, %g°: more than one event in %d of %d", lr.name, deg, o.several, seeds)
			}
		}
	}
}

// TestLateTurns plants turns of 30° and more into the last quarter of a run
// whose learning rate decays to 0, where steps are 3 to 25 % of the first ones.
func TestLateTurns(t *testing.T) {
	for _, c := range []struct {
		deg  float64
		want int
	}{{30, 60}, {60, 80}} {
		p := base()
		p.lr, p.deg = linear, c.deg
		pl, located := p.planter(), 0
		for seed := range 50 {
			rng := rand.New(rand.NewPCG(uint64(seed), 5))
			pl.spread, pl.at = float64(p.spacing*(1+rng.IntN(8))), float64(p.spacing*(60+rng.IntN(7)))
			g := turns(p.spacing, 3).find(pl.walk(rng), defaultDebiasedKs(p.spacing))
			if len(g) > 0 && math.Abs(float64(g[0][0].step)-pl.at) <= float64(p.spacing) {
				located++
			}
		}
		t.Logf("turn of %g° between 75 and 82.5 %% of the run: located in %d of 50", c.deg, located)
		if 2*located < c.want {
			t.Errorf("turn of %g°: located in %d of 50, want %d %%", c.deg, located, c.want)
		}
	}
}

func plantTurns(p plant, seeds int) outcome {
	o, pl := outcome{seeds: seeds}, p.planter()
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 2))
		pl.spread, pl.at = float64(p.spacing*(1+rng.IntN(8))), float64(p.spacing*(20+rng.IntN(41)))
		g := turns(p.spacing, 3).find(pl.walk(rng), defaultDebiasedKs(p.spacing))
		if len(g) == 0 {
			continue
		}
		b := g[0][0]
		d := math.Abs(float64(b.step) - pl.at)
		o.off = append(o.off, d)
		if d <= float64(p.spacing) {
			o.located++
		}
		if float64(b.from) <= pl.at && pl.at <= float64(b.to) {
			o.covered++
		}
		if len(g) > 1 {
			o.several++
		}
	}
	return o
}

// TestSeveralTurns plants two turns in one run and wants both.
func TestSeveralTurns(t *testing.T) {
	p := base()
	p.steps, p.deg, p.spread, p.at = 600, 40, 20, 200
	second := p
	second.at = 400
	both := 0
	pl := p.planter()
	for seed := range 20 {
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		steps, v := pl.drawTwo(rng, second)
		g := turns(5, 3).find(newWalk(steps, v, upTo(len(steps)), 10), defaultDebiasedKs(5))
		if len(g) == 2 && abs(min(g[0][0].step, g[1][0].step)-200) <= 5 && abs(max(g[0][0].step, g[1][0].step)-400) <= 5 {
			both++
		}
	}
	if both < 19 {
		t.Errorf("both turns found in %d of 20 seeds, want 19", both)
	}
}

// drawTwo adds the moves of another plant's signal, in the same plane.
func (p *planter) drawTwo(rng *rand.Rand, other plant) (steps []int, v [][]float64) {
	sum := *p
	first, second := p.signal(), other.signal()
	sum.plant.still = true
	steps, noise := sum.draw(rng)
	// rotate the second signal's heading on top of the first's
	pos := make([][2]float64, len(steps))
	for i := range first {
		a := math.Atan2(first[i][1], first[i][0]) + math.Atan2(second[i][1], second[i][0])
		r := math.Hypot(first[i][0], first[i][1])
		pos[i+1] = [2]float64{pos[i][0] + r*math.Cos(a), pos[i][1] + r*math.Sin(a)}
	}
	for i := range noise {
		for j := range noise {
			noise[i][j] += pos[i][0]*pos[j][0] + pos[i][1]*pos[j][1]
		}
	}
	return steps, noise
}

// TestUnevenSteps saves a run at 1, 2, …, 10, then every 5 steps and once more
// off the grid: the turn must still be found, at its step.
func TestUnevenSteps(t *testing.T) {
	p := base()
	p.spacing, p.steps, p.deg, p.spread, p.at = 1, 402, 35, 15, 190
	p.width = 640
	pl, hits := p.planter(), 0
	var uneven []int
	for s := 1; s <= 10; s++ {
		uneven = append(uneven, s)
	}
	for s := 15; s <= 400; s += 5 {
		uneven = append(uneven, s)
	}
	uneven = append(uneven, 402)
	for seed := range 5 {
		_, v := pl.draw(rand.New(rand.NewPCG(uint64(seed), 4)))
		sub := square(len(uneven))
		for i, a := range uneven {
			for j, b := range uneven {
				sub[i][j] = v[a][b]
			}
		}
		at := grid(uneven, make([]bool, len(uneven)))
		w := newWalk(uneven, sub, at, 10)
		g := turns(spacingOf(uneven), 3).find(w, defaultDebiasedKs(spacingOf(uneven)))
		if len(g) == 1 && abs(g[0][0].step-190) <= 5 {
			hits++
		}
	}
	if hits != 5 {
		t.Errorf("turn found at its step in %d of 5 seeds", hits)
	}
}

// TestUnits knows the spacing and the unit of series saved in different ways.
func TestUnits(t *testing.T) {
	every := func(from, to, by int) (out []int) {
		for s := from; s <= to; s += by {
			out = append(out, s)
		}
		return out
	}
	published := append(append(every(1, 10, 1), every(15, 790, 5)...), 792)
	for _, c := range []struct {
		steps         []int
		spacing, unit int
		grid          []int // first steps
	}{
		{published, 5, 5, []int{1, 6, 10, 15, 20}},
		{every(0, 400, 5), 5, 5, []int{0, 5, 10}},
		{every(1, 300, 1), 1, 5, []int{1, 6, 11}},
		{every(1, 60, 1), 1, 1, []int{1, 2, 3}},
		{every(2, 500, 2), 2, 6, []int{2, 8, 14}},
		{append(every(5, 100, 5), every(120, 1000, 20)...), 20, 20, []int{5, 25, 45}},
		{[]int{7}, 0, 0, []int{7}},
		{nil, 0, 0, nil},
	} {
		if sp, u := spacingOf(c.steps), unitOf(c.steps); sp != c.spacing || u != c.unit {
			t.Errorf("%v…: spacing %d, unit %d; want %d, %d", c.steps[:min(3, len(c.steps))], sp, u, c.spacing, c.unit)
		}
		for i, at := range grid(c.steps, make([]bool, len(c.steps))) {
			if i < len(c.grid) && c.steps[at] != c.grid[i] {
				t.Errorf("%v…: grid point %d is %d, want %d", c.steps[:3], i, c.steps[at], c.grid[i])
			}
		}
	}
}
