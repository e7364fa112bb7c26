package model

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// samplingCase is an element of testdata/sampling.json, written by
// testdata/make_sampling.py with transformers' own logits processors.
type samplingCase struct {
	Logits      []float32 `json:"logits"`
	Seen        []int32   `json:"seen"`
	Temperature float64   `json:"temperature"`
	TopK        int       `json:"top_k"`
	TopP        float64   `json:"top_p"`
	MinP        float64   `json:"min_p"`
	Penalty     float64   `json:"penalty"`
	Probs       []float64 `json:"probs"`
}

func samplingCases(t *testing.T) (cases []samplingCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/sampling.json")
	if err == nil {
		err = json.Unmarshal(data, &cases)
	}
	if err != nil || len(cases) < 40 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases
}

func (c *samplingCase) sampler(t *testing.T, seed, prompt uint64) *sampler {
	t.Helper()
	o := GenerateOptions{Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, MinP: c.MinP, RepetitionPenalty: c.Penalty}
	s, err := o.sampling()
	if err != nil {
		t.Fatal(err)
	}
	x := newSampler(s, seed, prompt, 0)
	x.saw(len(c.Logits), c.Seen...)
	return x
}

// The distribution that tokens are drawn from is transformers'. The golden is
// rounded to eight digits of a float32 softmax, 1e-6 is ten of its roundings; it
// is 0 where float32 underflows.
func TestSamplingDistributions(t *testing.T) {
	worst := 0.0
	for i, c := range samplingCases(t) {
		s := c.sampler(t, 0, 0)
		s.filter(s.score(c.Logits))
		s.narrow()
		got := make([]float64, len(c.Logits))
		for k, id := range s.kept.id {
			got[id] = s.kept.weight[k] / s.kept.total()
		}
		for id, want := range c.Probs {
			if (got[id] < 1e-37) != (want < 1e-37) || math.Abs(got[id]-want) > 1e-6 {
				t.Errorf("case %d, token %d: probability %g, expected %g", i, id, got[id], want)
			}
			worst = max(worst, math.Abs(got[id]-want))
		}
	}
	t.Logf("worst difference of a probability %.2g", worst)
}

// Frequencies of draws under 1,500 keys fit transformers' distribution: Pearson's
// χ² of the tokens expected five times or more. At one in a million a test, 60
// tests fail by chance once in 16,000 seeds.
func TestSamplingFrequencies(t *testing.T) {
	const n = 1500
	for i, c := range samplingCases(t) {
		counts := make([]float64, len(c.Logits))
		for k := range n {
			counts[c.sampler(t, 11, uint64(k)).next(c.Logits)]++
		}
		chi, freedom, rest, restWant := 0.0, -1, 0.0, 0.0
		add := func(got, want float64) {
			chi += (got - want) * (got - want) / want
			freedom++
		}
		for id, p := range c.Probs {
			switch {
			case p == 0 && counts[id] > 0:
				t.Errorf("case %d: token %d was drawn and has no probability", i, id)
			case p*n >= 5:
				add(counts[id], p*n)
			default:
				rest, restWant = rest+counts[id], restWant+p*n
			}
		}
		if restWant >= 5 {
			add(rest, restWant)
		}
		if freedom < 1 {
			continue
		}
		if p := 1 - (distuv.ChiSquared{K: float64(freedom)}).CDF(chi); p < 1e-6 {
			t.Errorf("case %d: χ² = %.1f with %d degrees of freedom, p = %.2g", i, chi, freedom, p)
		}
	}
}

// A draw inverts the cumulative distribution exactly.
func TestDrawInvertsTheDistribution(t *testing.T) {
	k := candidates{id: []int32{2, 5, 6, 9}, weight: []float64{0.25, 0, 0.5, 0.25}}
	for _, x := range []struct {
		u    float64
		want int32
	}{{0, 2}, {0.2499, 2}, {0.25, 6}, {0.7499, 6}, {0.75, 9}, {math.Nextafter(1, 0), 9}} {
		if got := k.draw(x.u); got != x.want {
			t.Errorf("u = %g gives token %d, expected %d", x.u, got, x.want)
		}
	}
}

func TestKthLargest(t *testing.T) {
	x := []float32{3, -1, 7, 7, 0, float32(math.Inf(-1)), 2.5, 7}
	sorted := slices.Clone(x)
	slices.SortFunc(sorted, func(a, b float32) int { return int(math.Copysign(1, float64(b)-float64(a))) })
	for k := 1; k <= len(x); k++ {
		if got := kthLargest(x, k); got != sorted[k-1] {
			t.Errorf("k = %d: %g, expected %g", k, got, sorted[k-1])
		}
	}
}

// The sum that the sampler takes along is logSumExp, whatever is asked of it.
func TestSamplerSumsLogits(t *testing.T) {
	logits := make([]float32, 1000)
	for i := range logits {
		logits[i] = 8 * float32(math.Sin(float64(i*i)))
	}
	for _, s := range []sampling{{temperature: 1, topP: 1, penalty: 1}, {temperature: 1, topP: 0.5, penalty: 1}, {temperature: 1, topK: 3, topP: 1, penalty: 1},
		{temperature: 0.7, topP: 1, penalty: 1}, {temperature: 1, topP: 1, penalty: 1.3}, {topP: 1, penalty: 1}} {
		x := newSampler(s, 1, 2, 3)
		x.saw(len(logits), 5, 6)
		for range 2 {
			x.next(logits)
			if got, want := x.logSumExp(logits), logSumExp(logits); got != want {
				t.Errorf("%+v: found %.17g, expected %.17g", s, got, want)
			}
		}
	}
}
