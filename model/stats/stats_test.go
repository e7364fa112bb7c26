package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"agar/model/stats"
)

func Example() {
	elevation := []float64{0, 2, 1, 5, 3, 4, 0}
	for _, p := range stats.Peaks(elevation) {
		fmt.Printf("peak of %g at %d stands out by %g\n", p.Height, p.Index, p.Prominence)
	}
	// Output:
	// peak of 5 at 3 stands out by 5
	// peak of 2 at 1 stands out by 1
	// peak of 4 at 5 stands out by 1
}

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		q    float64
		want float64
	}{
		{[]float64{3}, .5, 3}, {[]float64{4, 1}, .5, 2.5}, {[]float64{9, 1, 5}, .5, 5}, {[]float64{1, 2, 3, 4, 5}, .25, 2},
		{[]float64{1, 2}, .1, 1.1}, {[]float64{1, 2, 3}, 0, 1}, {[]float64{1, 2, 3}, 1, 3},
	} {
		if got := stats.Quantile(c.x, c.q); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("Quantile(%v, %v) = %v, want %v", c.x, c.q, got, c.want)
		}
	}
	if !math.IsNaN(stats.Median(nil)) || !math.IsNaN(stats.MAD(nil)) {
		t.Error("the median of nothing is not NaN")
	}
	x := []float64{3, 1, 2}
	if stats.Median(x); x[0] != 3 {
		t.Error("Median sorted its argument")
	}
}

// TestMADEstimatesTheStandardDeviation on normal data: its standard error at
// n = 10,000 is about 1.2 %, and six of them are allowed.
func TestMADEstimatesTheStandardDeviation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 10000)
	for i := range x {
		x[i] = 5 + 3*rng.NormFloat64()
	}
	if got := stats.MAD(x); math.Abs(got-3) > 3*.07 {
		t.Errorf("MAD %v, want 3", got)
	}
}

// TestPeaksAgainstDefinition recomputes every prominence by looking at all
// pairs of descents.
func TestPeaksAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		y := make([]float64, 1+rng.IntN(30))
		for i := range y {
			y[i] = float64(rng.IntN(8)) // ties too
		}
		got := map[int]float64{}
		for _, p := range stats.Peaks(y) {
			if y[p.Index] != p.Height || p.Left > p.Index || p.Right < p.Index {
				t.Fatalf("%v: peak %+v", y, p)
			}
			got[p.Index] = p.Prominence
		}
		for i := range y {
			if want := prominence(y, i); got[i] != want {
				t.Fatalf("%v: prominence at %d is %v, want %v", y, i, got[i], want)
			}
		}
	}
}

// prominence is the height above the higher saddle, 0 where i is no maximum.
func prominence(y []float64, i int) float64 {
	left, right := y[i], y[i]
	for j := i - 1; j >= 0 && y[j] < y[i]; j-- {
		left = min(left, y[j])
	}
	for j := i + 1; j < len(y) && y[j] <= y[i]; j++ {
		right = min(right, y[j])
	}
	return y[i] - max(left, right)
}

// TestJackknifeOfAMean is the textbook standard error of the mean.
func TestJackknifeOfAMean(t *testing.T) {
	x := []float64{1, 4, 2, 8, 5, 7}
	sum, square := 0.0, 0.0
	for _, v := range x {
		sum += v
		square += v * v
	}
	n := float64(len(x))
	loo := make([]float64, len(x))
	for i, v := range x {
		loo[i] = (sum - v) / (n - 1)
	}
	want := math.Sqrt((square/n - sum/n*sum/n) / (n - 1))
	if got := stats.JackknifeSE(loo); math.Abs(got-want) > 1e-14 {
		t.Errorf("standard error %v, want %v", got, want)
	}
	if !math.IsNaN(stats.JackknifeSE([]float64{1})) {
		t.Error("one value has a standard error")
	}
}
