package train

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"agar/model/safetensors"
)

// goldenConfig is that of testdata/make_goldens.py.
func goldenConfig() Config {
	return Config{
		DIn: 12, DSAE: 40, K: 3, Batch: 24, Steps: 4, LR: 3e-3, Warmup: 1, DecayStart: 2,
		AuxAlpha: 1.0 / 32, AuxK: 2, DeadSteps: 2, ThresholdStart: 0, ThresholdBeta: 0.9,
	}
}

// golden reads a tensor of testdata/steps.safetensors.
func golden(t testing.TB) func(name string) []float32 {
	t.Helper()
	f, err := safetensors.Open("testdata/steps.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func(name string) []float32 {
		v, _, err := f.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var paramNames = [4]string{"W_enc", "b_enc", "W_dec", "b_dec"}

// start returns a trainer with the golden's first weights.
func start(get func(string) []float32, c Config) *Trainer {
	tr := New(c)
	for i, p := range tr.params() {
		copy(p, get("start."+paramNames[i]))
	}
	return tr
}

// worst is the largest difference over the largest magnitude of want.
func worst(got, want []float32) float64 {
	diff, size := 0.0, 0.0
	for i := range want {
		diff = max(diff, math.Abs(float64(got[i])-float64(want[i])))
		size = max(size, math.Abs(float64(want[i])))
	}
	return diff / size
}

// Torch sums in other orders, so a step of a few roundings of float32 apart is
// equality: 1e-5 is the promise, 2e-6 is what was seen.
const stepTolerance = 1e-5

func TestStepsEqualDictionaryLearning(t *testing.T) {
	get := golden(t)
	c := goldenConfig()
	tr := start(get, c)
	x, size := get("x"), c.Batch*c.DIn
	for step := range c.Steps {
		st := tr.Step(x[step*size : (step+1)*size])
		for i, p := range tr.params() {
			err := worst(p, get(fmt.Sprintf("%d.%s", step, paramNames[i])))
			t.Logf("step %d %-5s worst %.1e", step, paramNames[i], err)
			if !(err <= stepTolerance) {
				t.Errorf("step %d: %s differs by %.1e of its largest, expected at most %.0e", step, paramNames[i], err, stepTolerance)
			}
		}
		losses := []float32{float32(st.Loss), float32(st.MSE), float32(st.Aux)}
		if err := worst(losses, get(fmt.Sprintf("%d.loss", step))); !(err <= stepTolerance) {
			t.Errorf("step %d: losses %v, expected %v", step, losses, get(fmt.Sprintf("%d.loss", step)))
		}
		if got, want := tr.threshold, get(fmt.Sprintf("%d.threshold", step))[0]; math.Abs(float64(got-want)) > stepTolerance {
			t.Errorf("step %d: threshold %v, expected %v", step, got, want)
		}
		for i, want := range get(fmt.Sprintf("%d.silent", step)) {
			if got := float32(tr.silent[i]) * float32(c.Batch); got != want {
				t.Errorf("step %d: feature %d silent for %v tokens, expected %v", step, i, got, want)
			}
		}
		if want := int(get("dead")[step]); st.Dead != want {
			t.Errorf("step %d: %d dead, expected %d", step, st.Dead, want)
		}
	}
}

// A golden that nothing contradicts proves nothing: each part of the step left
// out must show.
func TestGoldenStepsCanFail(t *testing.T) {
	get := golden(t)
	for name, spoil := range map[string]func(*Config){
		"no auxiliary loss": func(c *Config) { c.AuxAlpha = 0 },
		"aux k":             func(c *Config) { c.AuxK = 3 },
		"dead rule":         func(c *Config) { c.DeadSteps = 3 },
		"k":                 func(c *Config) { c.K = 4 },
		"warm-up":           func(c *Config) { c.Warmup = 2 },
		"decay":             func(c *Config) { c.DecayStart = 4 },
	} {
		c := goldenConfig()
		spoil(&c)
		tr := start(get, c)
		x, size := get("x"), c.Batch*c.DIn
		for step := range c.Steps {
			tr.Step(x[step*size : (step+1)*size])
		}
		if err := worst(tr.wEnc, get("3.W_enc")); err <= 10*stepTolerance {
			t.Errorf("%s changed: W_enc still within %.1e", name, err)
		}
	}
}

func TestThreadsDoNotChangeAStep(t *testing.T) {
	get := golden(t)
	run := func(threads int) [4][]float32 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
		c := goldenConfig()
		tr := start(get, c)
		x, size := get("x"), c.Batch*c.DIn
		for step := range c.Steps {
			tr.Step(x[step*size : (step+1)*size])
		}
		return tr.params()
	}
	one := run(1)
	for _, n := range []int{2, 5} {
		many := run(n)
		for i := range one {
			if !slices.Equal(one[i], many[i]) {
				t.Errorf("%s differs between 1 and %d threads", paramNames[i], n)
			}
		}
	}
}
