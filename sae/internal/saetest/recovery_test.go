package saetest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"agar/model/tensor"
)

// A dictionary of the planted directions, in another order and with other
// lengths, has all of them; what is spoilt shows.
func TestRecovered(t *testing.T) {
	p := NewPlanted(64, 100, 4, 1)
	truth := make([]float32, len(p.Dirs))
	for f := range p.F {
		for j := range p.D {
			truth[(p.F-1-f)*p.D+j] = 3 * p.Dirs[f*p.D+j]
		}
	}
	row := func(f int) []float32 { return p.Dirs[f*p.D : (f+1)*p.D] }
	dead := make([]float32, p.D)
	negative := slices.Clone(truth)
	for j := range p.D {
		negative[j] = -negative[j] // the rarest one
	}
	for _, c := range []struct {
		name                   string
		w                      []float32
		mean, score            float64
		above, twice, no, want int
	}{
		{"truth", truth, 1, 1, 100, 0, 0, 100},
		{"two rows twice", slices.Concat(truth, row(3), row(3), row(50)), 1, 100. / 103, 100, 3, 0, 100},
		{"a row of zeros", slices.Concat(truth, dead), 1, 1, 100, 0, 1, 100},
		{"one turned round", negative, .99, .99, 99, 0, 1, 100},
		{"one missing", truth[p.D:], .99, .99, 99, 0, 0, 100},
		{"one missing, another twice", slices.Concat(truth[p.D:], row(3)), .99, .99 * 100 / 101, 99, 1, 0, 100},
	} {
		got := p.Recovered(c.w, 1e-4)
		// A row that is no feature's may still have some cosine with the one left over.
		if math.Abs(got.MeanCos-c.mean) > 0.005 || math.Abs(got.Score-c.score) > 0.005 ||
			got.Above90 != c.above || got.Duplicates != c.twice || got.Unmatched != c.no || got.Features != c.want {
			t.Errorf("%s: %+v, expected %+v", c.name, got, c)
		}
	}
}

// Features that fire too seldom take no part.
func TestRecoveredCountsFrequentFeaturesOnly(t *testing.T) {
	p := NewPlanted(64, 100, 4, 1)
	got := p.Recovered(p.Dirs, p.Freq[39])
	if got.Features != 40 || got.Score < 1-1e-6 || got.Unmatched != 60 || !math.IsNaN(got.Cos[40]) {
		t.Errorf("%+v, expected 40 features, all found, and 60 other rows", got)
	}
}

// The world is what it says: each feature fires as often as planted, children
// only with their parents, and noise is 20 dB below the signal.
func TestPlantedWorld(t *testing.T) {
	p := NewPlanted(32, 64, 4, 7)
	const n = 40000
	fired := make([]int, p.F)
	var row, signal, noise float64
	x, clean := make([]float32, p.D), make([]float32, p.D)
	for i := range uint64(n) {
		clear(clean)
		on := make([]bool, p.F)
		p.fire(rand.New(rand.NewPCG(1, i)), func(f int, a float32) {
			fired[f]++
			on[f] = true
			tensor.Axpy(clean, a, p.Dirs[f*p.D:(f+1)*p.D])
			if par := p.Parent[f]; par >= 0 && !on[par] {
				t.Fatalf("feature %d fires without its parent %d", f, par)
			}
		})
		p.Row(x, int64(i))
		row += tensor.SumSq(x)
		signal += tensor.SumSq(clean)
		noise += float64(p.D) * p.Noise * p.Noise
	}
	if db := 10 * math.Log10(signal/noise); db < 19.5 || db > 21.5 {
		t.Errorf("noise is %.1f dB below the signal, expected 20", db)
	}
	if row < 0.98*(signal+noise) || row > 1.02*(signal+noise) {
		t.Errorf("rows have a power of %v, expected signal and noise, %v", row, signal+noise)
	}
	pairs := 0
	for f, q := range p.Freq {
		if sd := math.Sqrt(n * q); math.Abs(float64(fired[f])-n*q) > 5*sd {
			t.Errorf("feature %d fired %d times of %d, expected %.0f ± %.0f", f, fired[f], n, n*q, sd)
		}
		if p.Parent[f] >= 0 {
			pairs++
		}
	}
	if pairs != 6 {
		t.Errorf("found %d children, expected a tenth of 64", pairs)
	}
}

func BenchmarkRow(b *testing.B) {
	p := NewPlanted(128, 1024, 8, 3)
	x := make([]float32, p.D)
	for i := int64(0); b.Loop(); i++ {
		p.Row(x, i)
	}
}
