package phase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"agar/model/lora"
	"agar/model/progress"
)

func Example() {
	// Ten checkpoints of a rank-1 adapter that turns by 90° at step 25.
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(run)
	if err := exampleRun(run); err != nil {
		panic(err)
	}
	series, err := lora.OpenSeries(run)
	if err != nil {
		panic(err)
	}
	report, err := Analyse(context.Background(), series, Options{Ks: []int{10}})
	if err != nil {
		panic(err)
	}
	for _, c := range report.Checkpoints {
		if turn := c.Modules[0].Turn[10]; turn.OK() {
			fmt.Printf("step %d: %.0f°\n", c.Step, float64(turn))
		}
	}
	// Output:
	// step 15: 0°
	// step 20: 45°
	// step 25: 90°
	// step 30: 45°
	// step 35: 0°
	// step 40: 0°
}

// TestRankFour holds norms, angles, components and subspaces at rank 4 to
// NumPy, which forms ΔW.
func TestRankFour(t *testing.T) {
	var g struct {
		Steps  []int
		Scale  float64
		Ratios []float64 `json:"pca_ratios"`
		Rows   []struct {
			Step      int
			NormDelta float64 `json:"norm_delta"`
			Turn      map[int]float64
			Subspace  *float64
		}
	}
	readJSON(t, "testdata/rank4.json", &g)
	run := rankFour(t, g.Steps, g.Scale, func(x []float32) []float32 { return x }, func(x []float32) []float32 { return x })
	o := Options{Ks: []int{5, 10}, Rule: RuleB, NoHashes: true}
	r := analyse(t, run, o)
	if m := r.Modules[0]; m.Vector != "delta_w" || m.Rank != 4 || float64(m.Scale) != g.Scale || r.Noise.MedianDeg.OK() {
		t.Errorf("summary %+v, noise %+v", m, r.Noise)
	}
	if !slices.Equal(r.ZeroSteps, []int{1}) || !r.Checkpoints[0].Zero || r.Checkpoints[0].Modules[0].SubspaceDeg.OK() {
		t.Errorf("B = 0 at step 1 is not told: %v", r.ZeroSteps)
	}
	worst := 0.0
	compare := func(what string, got Number, want float64) {
		e := math.Abs(float64(got) - want)
		worst = max(worst, e)
		// NumPy printed ten digits; angles near 0° lose half of float64's.
		if !(e < 1e-5) {
			t.Errorf("%s = %v, NumPy has %v", what, got, want)
		}
	}
	angles := 0
	for i, row := range g.Rows {
		m := r.Checkpoints[i].Modules[0]
		compare(fmt.Sprintf("step %d: norm_delta", row.Step), m.NormDelta, row.NormDelta)
		for _, k := range []int{5, 10} {
			want, ok := row.Turn[k]
			if ok != m.Turn[k].OK() {
				t.Errorf("step %d, k = %d: angle %v, NumPy has one: %v", row.Step, k, m.Turn[k], ok)
			} else if ok {
				angles++
				compare(fmt.Sprintf("step %d: turn at k = %d", row.Step, k), m.Turn[k], want)
			}
		}
		if row.Subspace != nil {
			compare(fmt.Sprintf("step %d: subspace", row.Step), m.SubspaceDeg, *row.Subspace)
		}
	}
	if angles < 10 {
		t.Errorf("only %d angles compared", angles)
	}
	t.Logf("%d angles, worst difference %.2g", angles, worst)
}

// rankFour writes the rank-4 series with its factors changed by fa and fb.
func rankFour(t *testing.T, steps []int, scale float64, fa, fb func([]float32) []float32) string {
	return writeRun(t, 4*scale, false, steps, func(step int) map[string]state {
		a, as := testTensor(t, "rank4.safetensors", fmt.Sprintf("a.%d", step))
		b, bs := testTensor(t, "rank4.safetensors", fmt.Sprintf("b.%d", step))
		return map[string]state{down: {as[0], as[1], bs[0], fa(a), fb(b)}}
	})
}

// TestFactorisationDoesNotMatter replaces (B, A) by (BR, R⁻¹A), another R at
// every step: nothing that is said of ΔW may change.
func TestFactorisationDoesNotMatter(t *testing.T) {
	steps := []int{1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 35, 40, 42}
	same := func(x []float32) []float32 { return x }
	o := Options{Ks: []int{5, 10}, Rule: RuleB, NoHashes: true}
	want := analyse(t, rankFour(t, steps, 3, same, same), o)
	rng := rand.New(rand.NewPCG(5, 6))
	var r [4]float64
	got := analyse(t, rankFour(t, steps, 3, func(a []float32) []float32 {
		for i := range r {
			r[i] = .5 + rng.Float64()
		}
		return triangular(a, r, true)
	}, func(b []float32) []float32 { return triangular(b, r, false) }), o)
	for i := range want.Checkpoints {
		w, g := want.Checkpoints[i], got.Checkpoints[i]
		pairs := map[string][2]Number{
			"norm_delta": {w.Modules[0].NormDelta, g.Modules[0].NormDelta}, "subspace": {w.Modules[0].SubspaceDeg, g.Modules[0].SubspaceDeg},
			"turn 5": {w.Modules[0].Turn[5], g.Modules[0].Turn[5]}, "turn 10": {w.Modules[0].Turn[10], g.Modules[0].Turn[10]}, "pc1": {w.PCA[0], g.PCA[0]},
		}
		for what, p := range pairs {
			// the changed factors are rounded to float32: 1e-7 of norms of about
			// 50, and of moves ten times smaller than they are
			if p[0].OK() != p[1].OK() || p[0].OK() && math.Abs(float64(p[0]-p[1])) > 2e-3 {
				t.Errorf("step %d: %s is %v, and %v after the change", w.Step, what, p[0], p[1])
			}
		}
		if w.Modules[0].NormA == g.Modules[0].NormA {
			t.Errorf("step %d: the factors did not change", w.Step)
		}
	}
}

// triangular multiplies a 4-column B [n, 4] by R on the right, or a 4-row A
// [4, n] by R⁻¹ on the left; R is unit lower bidiagonal times diag(d).
func triangular(x []float32, d [4]float64, inverse bool) []float32 {
	n := len(x) / 4
	out := make([]float32, len(x))
	for j := range n {
		var c [4]float64
		for i := range 4 {
			if inverse {
				c[i] = float64(x[i*n+j])
				if i > 0 {
					c[i] -= .5 * c[i-1] // forward substitution of L·y = x
				}
			} else {
				c[i] = float64(x[j*4+i])
				if i < 3 {
					c[i] += .5 * float64(x[j*4+i+1])
				}
			}
		}
		for i := range 4 {
			if inverse {
				out[i*n+j] = float32(c[i] / d[i])
			} else {
				out[j*4+i] = float32(c[i] * d[i])
			}
		}
	}
	return out
}

// TestSeveralModules adds modules up: the combination's ΔW norms are Pythagorean
// sums, and a turn they share is one event.
func TestSeveralModules(t *testing.T) {
	p := base()
	p.deg, p.spread, p.at, p.width = 45, 10, 200, 120
	rng := rand.New(rand.NewPCG(8, 8))
	steps, first := pathVectors(p, rng)
	_, second := pathVectors(p, rng)
	index := map[int]int{}
	for i, s := range steps {
		index[s] = i
	}
	d := p.width
	run := writeRun(t, 8, false, steps, func(step int) map[string]state {
		i := index[step]
		return map[string]state{
			"model.layers.3.mlp.down_proj":    {1, 2, d, []float32{1, .5}, first[i*d : (i+1)*d]},
			"model.layers.3.self_attn.o_proj": {1, 2, d, []float32{.2, -1}, second[i*d : (i+1)*d]},
		}
	})
	r := analyse(t, run, Options{NoHashes: true})
	got := turnsOf(r)
	if len(got) != 1 || abs(got[0].Step-200) > 5 || len(got[0].Agreement.Modules) != 3 {
		t.Errorf("events %v", got)
	}
	if len(r.Modules) != 3 || r.Modules[2].Name != Combined || r.PCA.Vector != "delta_w" {
		t.Fatalf("%d modules", len(r.Modules))
	}
	for _, c := range r.Checkpoints {
		want := math.Hypot(float64(c.Modules[0].NormDelta), float64(c.Modules[1].NormDelta))
		if len(c.Modules) != 2 || math.Abs(float64(c.Combined.NormDelta)-want) > 1e-9*want {
			t.Fatalf("step %d: ‖ΔW‖ of all is %v, want %v", c.Step, c.Combined.NormDelta, want)
		}
	}
}

// pathVectors draws a planted path outright, as vectors [n, width].
func pathVectors(p plant, rng *rand.Rand) (steps []int, v []float32) {
	sigma := math.Sqrt(10 * (1/math.Cos(p.level*math.Pi/180) - 1) / float64(p.width) * float64(p.spacing))
	pos := make([]float64, p.width)
	steps = append(steps, 0)
	v = make([]float32, p.width)
	for i, s := range p.signal() {
		for j := range pos {
			pos[j] += sigma * rng.NormFloat64()
		}
		pos[0] += s[0]
		pos[1] += s[1]
		steps = append(steps, (i+1)*p.spacing)
		for _, x := range pos {
			v = append(v, float32(x*1e-3))
		}
	}
	return steps, v
}

// TestGradientPeaks joins a log with a hump, holes and NaN to a series.
func TestGradientPeaks(t *testing.T) {
	p := base()
	p.width = 60
	steps, v := pathVectors(p, rand.New(rand.NewPCG(1, 1)))
	run := rankOne(t, steps, v)
	rng := rand.New(rand.NewPCG(2, 2))
	log := func(peak float64) {
		var rows []string
		for s := 1; s <= 400; s++ {
			g := (1 + 4*math.Exp(-float64(s)/8) + peak*math.Exp(-math.Pow((float64(s)-150)/25, 2))) * math.Exp(.2*rng.NormFloat64())
			switch {
			case s%50 == 3:
				rows = append(rows, fmt.Sprintf(`{"step":%d,"eval_loss":1}`, s))
			case s%97 == 5:
				rows = append(rows, fmt.Sprintf(`{"step":%d,"loss":1,"grad_norm":NaN}`, s))
			default:
				rows = append(rows, fmt.Sprintf(`{"step":%d,"loss":%g,"grad_norm":%g,"learning_rate":1e-5}`, s, 2-float64(s)/400, g))
			}
		}
		write(t, filepath.Join(run, "checkpoint-400", "trainer_state.json"), []byte(`{"log_history":[`+strings.Join(rows, ",")+`]}`))
	}
	for peak, want := range map[float64]int{0: 0, 2: 1} {
		log(peak)
		r := analyse(t, run, Options{NoHashes: true})
		var got []Event
		for _, e := range r.Events {
			if e.Kind == KindGradPeak {
				got = append(got, e)
			}
		}
		if len(got) != want || want == 1 && (abs(got[0].Step-150) > 12 || math.Abs(float64(got[0].Statistic)-3) > .4 || got[0].Interval[0] > 150 || got[0].Interval[1] < 150) {
			t.Errorf("hump of %g: events %v", peak, got)
		}
		if len(turnsOf(r)) != 0 {
			t.Errorf("a straight path turns: %v", r.Events)
		}
		if c := r.Checkpoints[20]; c.Step != 100 || !c.Loss.OK() || math.Abs(float64(c.Loss)-1.75) > 1e-9 || r.Grad.Left == 0 {
			t.Errorf("checkpoint 100: loss %v, %d rows without a norm", c.Loss, r.Grad.Left)
		}
	}
	falseGradPeaks(t)
}

// falseGradPeaks draws logs without a hump: at most 1 of 100 may show one, 5
// when rows hang together far beyond what a trainer's do.
func falseGradPeaks(t *testing.T) {
	for ar, allowed := range map[float64]int{0: 0, .5: 1, .8: 5} {
		found := 0
		for seed := range 100 {
			rng := rand.New(rand.NewPCG(uint64(seed), 11))
			var rows []LogRow
			x := 0.0
			for s := range 400 {
				x = ar*x + math.Sqrt(1-ar*ar)*.4*rng.NormFloat64()
				rows = append(rows, LogRow{Step: s, GradNorm: Number(math.Exp(x + 2*math.Exp(-float64(s)/10) - float64(s)/200))})
			}
			if len(smoothGrad(rows).peaks()) > 0 {
				found++
			}
		}
		t.Logf("gradient norms of noise 0.4 with correlation %.1f: false peaks in %d of 100 seeds", ar, found)
		if found > allowed {
			t.Errorf("correlation %.1f: false gradient peaks in %d of 100 seeds", ar, found)
		}
	}
}

func TestArrowGivesTheReportBack(t *testing.T) {
	p := base()
	p.deg, p.spread, p.at, p.width = 45, 10, 200, 100
	steps, v := pathVectors(p, rand.New(rand.NewPCG(3, 3)))
	run := rankOne(t, steps, v)
	write(t, filepath.Join(run, "checkpoint-400", "trainer_state.json"), []byte(`{"log_history":[{"step":5,"loss":NaN,"grad_norm":2}]}`))
	r := analyse(t, run, Options{})
	path := filepath.Join(run, "phase.arrow")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	if want, got := toJSON(t, r), toJSON(t, back); want != got {
		t.Errorf("the report changed on its way through %s:\n%s\n%s", path, want[:400], got[:400])
	}
	if len(turnsOf(back)) != 1 || len(back.Checkpoints[3].SHA256) != 64 {
		t.Errorf("read back: events %v", back.Events)
	}
	if _, err := ReadReport(filepath.Join(run, "absent.arrow")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := ReadReport(filepath.Join(run, "checkpoint-5", "adapter_config.json")); !errors.Is(err, ErrFormat) {
		t.Errorf("another file: %v", err)
	}
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// TestJSONContract has the keys that scripts rely on.
func TestJSONContract(t *testing.T) {
	p := base()
	p.width = 60
	steps, v := pathVectors(p, rand.New(rand.NewPCG(4, 4)))
	r := analyse(t, rankOne(t, steps[:30], v[:30*60]), Options{})
	var m map[string]any
	if err := json.Unmarshal([]byte(toJSON(t, r)), &m); err != nil {
		t.Fatal(err)
	}
	if events, ok := m["events"].([]any); !ok || len(events) != 0 {
		t.Errorf("events are %v, want []", m["events"])
	}
	c := m["checkpoints"].([]any)[12].(map[string]any)
	mod := c["modules"].([]any)[0].(map[string]any)
	for _, key := range []string{"name", "norm_a", "norm_b", "norm_delta", "turn_deg", "turn_debiased"} {
		if _, ok := mod[key]; !ok {
			t.Errorf("no key %q", key)
		}
	}
	if deg, ok := mod["turn_deg"].(map[string]any)["10"].(float64); !ok || deg <= 0 {
		t.Errorf(`turn_deg["10"] is %v`, mod["turn_deg"])
	}
	if e, ok := mod["turn_debiased"].(map[string]any)["40"].(map[string]any); !ok || !reflect.DeepEqual(sortedKeys(e), []string{"se", "value"}) {
		t.Errorf(`turn_debiased["40"] is %v`, mod["turn_debiased"])
	}
	if c["loss"] != nil || c["step"] != 60.0 || len(c["pca"].([]any)) != 2 {
		t.Errorf("checkpoint %v", c)
	}
}

func sortedKeys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestAnalyseRefuses(t *testing.T) {
	same := func(d int) func(int) map[string]state {
		return func(int) map[string]state {
			return map[string]state{down: {1, 2, d, make([]float32, 2), make([]float32, d)}}
		}
	}
	run := writeRun(t, 1, false, []int{5, 10}, same(4))
	other := writeRun(t, 1, false, []int{15}, same(6))
	if err := os.Rename(filepath.Join(other, "checkpoint-15"), filepath.Join(run, "checkpoint-15")); err != nil {
		t.Fatal(err)
	}
	s, err := lora.OpenSeries(run)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Analyse(context.Background(), s, Options{}); err == nil || !strings.Contains(err.Error(), "[6, 2]") || !strings.Contains(err.Error(), "[4, 2]") {
		t.Errorf("a checkpoint of another shape: %v", err)
	}
	for _, o := range []Options{{Rule: "sideways"}, {Ks: []int{0}}, {Tau: -1, Rule: RuleB}, {Tau: math.NaN(), Rule: RuleB}} {
		if _, err := Analyse(context.Background(), s, o); err == nil {
			t.Errorf("options %+v: no error", o)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Analyse(ctx, s, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	modules := writeRun(t, 1, false, []int{20}, func(int) map[string]state {
		return map[string]state{"model.layers.1.mlp.up_proj": {1, 2, 4, make([]float32, 2), make([]float32, 4)}}
	})
	if err := os.Rename(filepath.Join(modules, "checkpoint-20"), filepath.Join(run, "checkpoint-20")); err != nil {
		t.Fatal(err)
	}
	if s, err = lora.OpenSeries(run); err != nil {
		t.Fatal(err)
	}
	if _, err := Analyse(context.Background(), s, Options{}); err == nil || !strings.Contains(err.Error(), "down_proj") {
		t.Errorf("a checkpoint with other modules: %v", err)
	}
}

// TestShortSeries runs one, two and three checkpoints, and an all-zero run.
func TestShortSeries(t *testing.T) {
	steps, v := pathVectors(plant{steps: 400, spacing: 5, width: 100, level: 13}, rand.New(rand.NewPCG(9, 9)))
	for n := 1; n <= 4; n++ {
		var seen []progress.Event
		r := analyse(t, rankOne(t, steps[1:n+1], v[100:(n+1)*100]), Options{Progress: func(e progress.Event) { seen = append(seen, e) }})
		if len(r.Checkpoints) != n || len(r.Events) != 0 || len(seen) != 1 {
			t.Errorf("%d checkpoints: %d rows, events %v", n, len(r.Checkpoints), r.Events)
		}
		if err := r.Write(filepath.Join(t.TempDir(), "phase.arrow")); err != nil {
			t.Error(err)
		}
		toJSON(t, r)
	}
	r := analyse(t, rankOne(t, steps[:30], make([]float32, 30*100)), Options{})
	if len(r.ZeroSteps) != 30 || len(r.Events) != 0 {
		t.Errorf("an untrained run: %d zero steps, events %v", len(r.ZeroSteps), r.Events)
	}
	toJSON(t, r)
}

// FuzzReadReport holds that any bytes give a report or an error.
func FuzzReadReport(f *testing.F) {
	steps, v := pathVectors(plant{steps: 60, spacing: 5, width: 100, level: 13}, rand.New(rand.NewPCG(7, 7)))
	path := filepath.Join(f.TempDir(), "phase.arrow")
	r := analyse(f, rankOne(f, steps, v), Options{NoHashes: true})
	if err := r.Write(path); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(append(slices.Clone(b[:200]), b[300:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := parseArrow(b, reportKey)
		if err != nil {
			return
		}
		if r, err := tab.report(); err == nil && r.Format != Format {
			t.Fatalf("format %q", r.Format)
		}
	})
}
