package algorithmic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// planted are logits Σ_k amplitude·cos(2πk(a + b − c)/P) with noise.
func planted(t *Task, amplitude map[int]float64, noise float64, r *rand.Rand) []float32 {
	v := t.P + 1
	out := make([]float32, t.P*t.P*v)
	for i := range t.P * t.P {
		for c := range v {
			x := noise * r.NormFloat64()
			for k, a := range amplitude {
				if c < t.P {
					x += a * math.Cos(2*math.Pi*float64(k*(i/t.P+i%t.P-c))/float64(t.P))
				}
			}
			out[i*v+c] = float32(x)
		}
	}
	return out
}

// projected is the projection of a function f of the inputs, [P²], on the two waves
// cos and sin of 2πk(a + b)/P, by inner products with each.
func projected(p, k int, f []float64) []float64 {
	out := make([]float64, p*p)
	for _, phase := range []float64{0, math.Pi / 2} {
		wave := make([]float64, p*p)
		dot, norm := 0.0, 0.0
		for i := range wave {
			wave[i] = math.Cos(2*math.Pi*float64(k*(i/p+i%p))/float64(p) - phase)
			dot += wave[i] * f[i]
			norm += wave[i] * wave[i]
		}
		for i, x := range wave {
			out[i] += dot / norm * x
		}
	}
	return out
}

// TestWavesAgainstProjections holds parts and shares to projections of the logits
// of all inputs on every wave, one by one.
func TestWavesAgainstProjections(t *testing.T) {
	task := Task{P: 11}.Defaults()
	r := rand.New(rand.NewPCG(1, 1))
	p, v := task.P, task.P+1
	logits := planted(&task, map[int]float64{2: 1.5, 4: 0.5}, 1, r)
	w := task.NewWaves(logits)
	keys := []int{2, 3}
	part, kept, shares := w.Part(keys), w.Restricted(keys), w.Shares()
	variance, power := 0.0, make([]float64, (p-1)/2)
	row, worst := make([]float64, v), 0.0
	for c := range p {
		f, mean := make([]float64, p*p), 0.0
		for i := range f {
			centre(row, logits[i*v:(i+1)*v], p)
			f[i] = row[c]
			mean += row[c] / float64(p*p)
		}
		for _, x := range f {
			variance += (x - mean) * (x - mean)
		}
		want := make([]float64, p*p)
		for k := range power {
			for i, x := range projected(p, k+1, f) {
				power[k] += x * x
				if slices.Contains(keys, k+1) {
					want[i] += x
				}
			}
		}
		for i, x := range want {
			at := (i/p+i%p)%p*v + c
			worst = max(worst, math.Abs(part[at]-x), math.Abs(kept[at]-x-mean))
		}
	}
	for k, x := range power {
		worst = max(worst, math.Abs(shares[k]-x/variance))
	}
	if worst > 1e-9 {
		t.Errorf("parts, restricted logits or shares differ from projections by %g", worst)
	}
}

func TestKeysOfPlantedLogits(t *testing.T) {
	task := Task{}.Defaults()
	r := rand.New(rand.NewPCG(2, 1))
	logits := planted(&task, map[int]float64{7: 2, 24: 3, 3: 1}, 3, r)
	if got, want := task.NewWaves(logits).Keys(), []int{24, 7, 3}; !slices.Equal(got, want) {
		t.Errorf("found the key frequencies %v, expected %v", got, want)
	}
	for seed := range uint64(20) {
		noise := planted(&task, nil, 1, rand.New(rand.NewPCG(seed, 3)))
		if got := task.NewWaves(noise).Keys(); len(got) > 0 {
			t.Errorf("seed %d: noise has the key frequencies %v", seed, got)
		}
	}
	if got := task.NewWaves(make([]float32, len(logits))).Keys(); len(got) > 0 {
		t.Errorf("constant logits have the key frequencies %v", got)
	}
}

// TestProgressOfPlantedLogits: an algorithm on the key frequencies keeps its loss
// when restricted to them and loses everything when they are taken out; a table of
// the training pairs is the other way round.
func TestProgressOfPlantedLogits(t *testing.T) {
	s := NewScorer(Task{}.Defaults())
	r := rand.New(rand.NewPCG(3, 1))
	algorithm := planted(&s.Task, map[int]float64{7: 8, 24: 8, 3: 8}, 0.1, r)
	keys := s.Task.NewWaves(algorithm).Keys()
	plain, on := s.Plain(algorithm), s.Progress(algorithm, keys)
	if plain["test_accuracy"] != 1 || on["restricted_loss"] > 1.1*plain["test_loss"] || on["restricted_held_out_loss"] > 1.1*plain["test_loss"] {
		t.Errorf("algorithm: test accuracy %g, loss %g, restricted %g, from the test pairs alone %g", plain["test_accuracy"], plain["test_loss"], on["restricted_loss"], on["restricted_held_out_loss"])
	}
	if got, want := on["excluded_loss"], math.Log(54); math.Abs(got-want) > 0.05 {
		t.Errorf("algorithm: excluded loss %g, expected that of no knowledge, %g", got, want)
	}
	table := planted(&s.Task, nil, 0.1, r)
	for _, x := range s.Train {
		table[(x.A*s.Task.P+x.B)*(s.Task.P+1)+x.Label] += 20
	}
	plain, on = s.Plain(table), s.Progress(table, keys)
	if plain["train_loss"] > 0.01 || on["excluded_loss"] > 0.1 {
		t.Errorf("table: train loss %g, excluded loss %g, expected both near 0", plain["train_loss"], on["excluded_loss"])
	}
	if on["restricted_held_out_loss"] < math.Log(53) {
		t.Errorf("table: restricted loss from the test pairs alone %g, expected no knowledge there", on["restricted_held_out_loss"])
	}
	if got := plain["gap"]; got != plain["test_loss"]-plain["train_loss"] {
		t.Errorf("gap %g", got)
	}
}
