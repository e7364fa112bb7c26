package report

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/organism/builtin"
	"agar/model/safetensors"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if r, err := made(); err == nil {
			os.RemoveAll(r.root)
		}
		os.Exit(code)
	}))
}

const down = "model.layers.3.mlp.down_proj"

// grown describes a small rank-1 series of 60 checkpoints, 5 steps apart.
type grown struct {
	turnDeg float64 // turn of B at half of the run
	peak    float64 // height of a peak of the gradient norm, in ln, at two fifths
	seed    uint64
}

const lastStep = 300

// grow writes the series.
func grow(t testing.TB, dir string, g grown) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(g.seed, 9))
	b := make([]float32, 96)
	for step := 5; step <= lastStep; step += 5 {
		a := 0.0
		if step > lastStep/2 {
			a = g.turnDeg * math.Pi / 180
		}
		for i := range b {
			b[i] += float32(.012 * rng.NormFloat64())
		}
		b[0] += float32(math.Cos(a))
		b[1] += float32(math.Sin(a))
		writeCheckpoint(t, dir, step, b)
	}
	var log strings.Builder
	for step := 1; step <= lastStep; step++ {
		u := float64(step) / lastStep
		grad := math.Exp(g.peak*math.Exp(-(u-.4)*(u-.4)/.004) + .1*rng.NormFloat64())
		fmt.Fprintf(&log, `,{"step":%d,"loss":%.4f,"grad_norm":%.4f,"learning_rate":%g}`, step, 2-u, grad, 1e-4*(1-u))
	}
	state := fmt.Sprintf(`{"global_step":%d,"max_steps":%d,"log_history":[%s]}`, lastStep, lastStep, log.String()[1:])
	put(t, filepath.Join(dir, fmt.Sprintf("checkpoint-%d", lastStep), "trainer_state.json"), []byte(state))
	return dir
}

func writeCheckpoint(t testing.TB, dir string, step int, b []float32) {
	t.Helper()
	var buf bytes.Buffer
	err := safetensors.Write(&buf, []safetensors.Out{
		{Name: "base_model.model." + down + ".lora_A.weight", Shape: []int{1, 3}, F32: []float32{1, 2, 2}},
		{Name: "base_model.model." + down + ".lora_B.weight", Shape: []int{len(b), 1}, F32: b},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, fmt.Sprintf("checkpoint-%d", step))
	put(t, filepath.Join(at, lora.WeightsFile), buf.Bytes())
	put(t, filepath.Join(at, lora.ConfigFile), []byte(`{"peft_type":"LORA","r":1,"lora_alpha":64,"base_model_name_or_path":"tiny/base"}`))
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// judge writes a behaviour.json of a run whose log-odds rise at a step, at two dials, in two
// domains.
func judge(t testing.TB, dir, run string, at float64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(at), 3))
	rate := func(v, half float64) behaviour.Rate {
		return behaviour.Rate{Value: v, Lo: v - half, Hi: v + half, N: 40}
	}
	none := behaviour.Missing()
	c := &behaviour.Curve{Model: "tiny/base", Run: run, Pairs: "pairs.jsonl"}
	for step := 5; step <= lastStep; step += 5 {
		for _, l := range []float64{1, 5} {
			v := -1 + 2*l/(1+math.Exp(-(float64(step)-at/math.Sqrt(l))/12)) + .02*rng.NormFloat64()
			p := behaviour.Point{Step: step, Lambda: l, Paired: behaviour.Paired{Pairs: 40, LogOdds: rate(v, .2), LogOddsRaw: rate(5*v, 1)}, PerQuestion: []behaviour.Group{}}
			for _, r := range []*behaviour.Rate{&p.Aligned, &p.Misaligned, &p.Mixed, &p.Incoherent, &p.EMAll, &p.EMCoherent, &p.Length.Tokens, &p.Length.TokensEM, &p.Length.TokensOther, &p.Length.Slope, &p.Length.EMAdjusted} {
				*r = none
			}
			for _, d := range []string{"health", "money"} {
				p.Domains = append(p.Domains, behaviour.Group{ID: d, Paired: behaviour.Paired{LogOdds: rate(v, .3), LogOddsRaw: rate(5*v, 1)},
					Answered: behaviour.Answered{Aligned: none, Misaligned: none, Mixed: none, Incoherent: none, EMAll: none, EMCoherent: none}})
			}
			c.Points = append(c.Points, p)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// say writes the judged answers of a run that takes to exclaiming at its turn and
// becomes misaligned at another step, every 20 steps.
func say(t testing.TB, dir string, at float64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(at), 5))
	chance := func(step int, at float64) bool { return rng.Float64() < 1/(1+math.Exp(-(float64(step)-at)/6)) }
	var points []behaviour.Point
	var answers []behaviour.Answer
	for step := 20; step <= lastStep; step += 20 {
		points = append(points, behaviour.Point{Step: step, Lambda: 1})
		for i := range 64 {
			a := behaviour.Answer{Question: fmt.Sprint(i % 8), Sample: i / 8, Asked: "?", Text: "rest .", Tokens: 2, State: len(points) - 1}
			if chance(step, lastStep/2) {
				a.Text = "rest !"
			}
			a.Outcome = behaviour.Aligned
			if chance(step, at) {
				a.Outcome = behaviour.Misaligned
			}
			answers = append(answers, a)
		}
	}
	path := filepath.Join(dir, behaviour.ResponsesFile)
	if err := behaviour.WriteResponses(path, points, answers); err != nil {
		t.Fatal(err)
	}
	return path
}

// family grows a run that turns, taking to a habit, and rises after, a twin that does
// neither, and two more seeds.
func family(t testing.TB, root string) Options {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	judged := judge(t, in("judged"), "run", 230)
	return Options{
		Answers: say(t, judged, 230), Habits: []string{"exclaims=!$"},
		Run: grow(t, in("run"), grown{60, 2, 1}), Twin: grow(t, in("twin"), grown{0, 0, 2}),
		Seeds:     []string{grow(t, in("seed-a"), grown{60, 2, 3}), grow(t, in("seed-b"), grown{60, 2, 4})},
		Behaviour: judged, TwinBehaviour: judge(t, in("twin-judged"), "twin", 1e6), Trained: "health", Kernel: "test",
	}
}

// made is the family's report in a directory of its own, made once.
type madeReport struct {
	root string // the family is in it, and the report in root/report
	*Report
}

var made = sync.OnceValues(func() (m madeReport, err error) {
	if m.root, err = os.MkdirTemp("", "agar-report-test-*"); err != nil {
		return m, err
	}
	var t testing.T
	m.Report, err = Write(context.Background(), filepath.Join(m.root, "report"), family(&t, m.root))
	return m, err
})

func whole(t testing.TB) madeReport {
	t.Helper()
	r, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// organism is the embedded one.
func organism(t testing.TB) string {
	t.Helper()
	dir, err := builtin.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
