package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestIntervalsCover draws question means from a beta distribution of a known mean
// and intra-class correlation ρ (α = p(1−ρ)/ρ, β = (1−p)(1−ρ)/ρ), answers from the
// questions, and counts how often the interval holds the mean. 93 % leaves room for
// what 8 questions can tell about their own spread.
func TestIntervalsCover(t *testing.T) {
	runs := 250
	if os.Getenv("AGAR_COVERAGE") == "full" {
		runs = 4000 // about 70 s
	}
	worst := 1.0
	for _, questions := range []int{8, 24, 44} {
		for _, samples := range []int{10, 50} {
			for _, icc := range []float64{0, 0.03, 0.1, 0.2} {
				for _, p := range []float64{0.01, 0.03, 0.1, 0.3, 0.5, 0.9} {
					name := fmt.Sprintf("%d questions, %d samples, ICC %.2f, p %.2f", questions, samples, icc, p)
					c := coverage(p, icc, questions, samples, runs)
					worst = math.Min(worst, c)
					slack := 2.5 * math.Sqrt(.07*.93/float64(runs))
					if c < 0.93-slack {
						t.Errorf("%s: covers %.1f %%, expected 93 or more", name, 100*c)
					}
				}
			}
		}
	}
	t.Logf("worst coverage %.1f %%", 100*worst)
}

func coverage(p, icc float64, questions, samples, runs int) float64 {
	rng := rand.New(rand.NewPCG(uint64(questions*1000+samples), math.Float64bits(p+icc)))
	held := 0
	hits, totals := make([]int, questions), make([]int, questions)
	for range runs {
		for q := range questions {
			mean := p
			if icc > 0 {
				mean = distuv.Beta{Alpha: p * (1 - icc) / icc, Beta: (1 - p) * (1 - icc) / icc, Src: rng}.Rand()
			}
			hits[q], totals[q] = 0, samples
			for range samples {
				if rng.Float64() < mean {
					hits[q]++
				}
			}
		}
		if s := ClusterRate(hits, totals); s.Lo <= p && p <= s.Hi {
			held++
		}
	}
	return float64(held) / float64(runs)
}
