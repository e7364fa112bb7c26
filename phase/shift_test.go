package phase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/organism/builtin"
)

// divergences is what SciPy and NumPy say of two exact distributions.
type divergences struct{ JS, TV, Linear float64 }

// changeGolden is nine exact distributions of six outcomes, and the divergences of
// windows of them and of an order parameter that knows an outcome mod 3 only.
func changeGolden(t testing.TB) (p [][]float64, rows []struct {
	Window, At int
	X, Q       divergences
}) {
	var g struct {
		Change struct {
			P    [][]float64
			Rows []struct {
				Window, At int
				X, Q       divergences
			}
		}
	}
	readJSON(t, "testdata/transitions.json", &g)
	return g.Change.P, g.Change.Rows
}

func averaged(p [][]float64, mod int) []float64 {
	out := make([]float64, mod)
	for _, x := range p {
		for i, v := range x {
			out[i%mod] += v / float64(len(p))
		}
	}
	return out
}

// TestExactly reproduces the named divergences, and never finds more change in an
// order parameter than in what it is of.
func TestExactly(t *testing.T) {
	p, rows := changeGolden(t)
	worst := 0.0
	for _, r := range rows {
		left, right := p[r.At-r.Window:r.At], p[r.At:r.At+r.Window]
		x, q := exactly(averaged(left, 6), averaged(right, 6)), exactly(averaged(left, 3), averaged(right, 3))
		for i, want := range [3][2]float64{{r.X.JS, r.Q.JS}, {r.X.TV, r.Q.TV}, {r.X.Linear, r.Q.Linear}} {
			worst = max(worst, math.Abs(x[i]-want[0]), math.Abs(q[i]-want[1]))
			if q[i] > x[i]+1e-12 || q[i] < 0 || x[i] > 1 {
				t.Errorf("%+v: divergence %d of the order parameter %g, of the outcomes %g", r, i, q[i], x[i])
			}
		}
	}
	t.Logf("%d windows, worst error %.2g", len(rows), worst)
	if !(worst < 1e-8) {
		t.Errorf("worst error %g", worst)
	}
	if d := exactly([]float64{1, 0}, []float64{0, 1}); d != (dissimilar{1, 1, 1}) {
		t.Errorf("disjoint distributions: %v", d)
	}
	if d := exactly([]float64{.3, .7}, []float64{.3, .7}); d != (dissimilar{}) {
		t.Errorf("equal distributions: %v", d)
	}
}

// world answers every question by p[step], outcome k as the word k, labelled k mod 3.
type world struct{ p [][]float64 }

func (w world) Score(_ context.Context, step int, answers []Response) ([]float64, error) {
	out := make([]float64, len(answers))
	for i, a := range answers {
		out[i] = math.Log(w.p[step/10][a.Answer[0]-'0'])
	}
	return out, nil
}

func (w world) sample(seed uint64, questions, samples int) *Responses {
	rng := rand.New(rand.NewPCG(seed, 6))
	r := &Responses{Path: "responses.arrow"}
	for step, p := range w.p {
		for q := range questions {
			for range samples {
				u, k := rng.Float64(), 0
				for u > p[k] && k < len(p)-1 {
					u -= p[k]
					k++
				}
				r.Rows = append(r.Rows, Response{Question: fmt.Sprint("q", q), Prompt: "?", Answer: fmt.Sprint(k), Step: step * 10, Lambda: 1, Tokens: k + 1, Label: string(rune('a' + k%3))})
			}
		}
	}
	return r
}

func shifted(t testing.TB, o ShiftOptions) *Shift {
	t.Helper()
	s, err := Shifted(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestShift estimates the divergences of sampled answers whose likelihoods are known,
// and of two order parameters, and holds them to the exact ones.
func TestShift(t *testing.T) {
	p, rows := changeGolden(t)
	w := world{p}
	seeds := 20
	if testing.Short() {
		seeds = 5
	}
	checked, held, shares, sharesHeld, bias := 0, 0, 0, 0, 0.0
	for seed := range seeds {
		s := shifted(t, ShiftOptions{Responses: w.sample(uint64(seed), 8, 40), Score: w, Habits: []Habit{{"even", regexp.MustCompile("^[024]")}}})
		if s.Questions != 8 || s.Answers != 9*8*40 || strings.Join(s.Orders, " ") != "label length even" {
			t.Fatalf("%d questions, %d answers, orders %v", s.Questions, s.Answers, s.Orders)
		}
		for _, at := range s.At {
			for _, r := range rows {
				if r.Window != 2 || r.At*10 != at.After {
					continue
				}
				for _, x := range []struct {
					got  Interval
					want float64
				}{{at.Answers.JS, r.X.JS}, {at.Answers.TV, r.X.TV}, {at.Answers.Linear, r.X.Linear}} {
					checked++
					if float64(x.got.Lo) <= x.want && x.want <= float64(x.got.Hi) {
						held++
					}
				}
				label := at.Orders[0]
				if !label.JS.Fraction.Value.OK() { // too small a change of the answers to take a share of
					if r.X.JS > .05 {
						t.Errorf("at %d: no fraction of %+v", at.After, at.Answers)
					}
					continue
				}
				share := r.Q.JS / r.X.JS
				shares, bias = shares+1, bias+float64(label.JS.Fraction.Value)-share
				if float64(label.JS.Fraction.Lo) <= share && share <= float64(label.JS.Fraction.Hi) {
					sharesHeld++
				}
				if f := label.JS.Fraction; f.Value < 0 || f.Value > 1 || label.Left != 2*8*40 {
					t.Errorf("label: %+v", label)
				}
				if label.JS.Plugin < label.JS.NullMean && r.Q.JS > .02 {
					t.Errorf("at %d: the label's divergence is %v, of shuffled answers %v, exactly %g", at.After, label.JS.Plugin, label.JS.NullMean, r.Q.JS)
				}
				// the length is the outcome itself, which captures all that changes
				if f := at.Orders[1].JS.Fraction.Value; f < .85 {
					t.Errorf("at %d: the outcome captures %v of its own change", at.After, f)
				}
			}
		}
	}
	bias /= float64(shares)
	t.Logf("the interval holds the exact divergence in %d of %d, and the exact fraction of the label in %d of %d, mean error of the fraction %+.3f", held, checked, sharesHeld, shares, bias)
	if !testing.Short() && (100*held < 93*checked || 100*sharesHeld < 85*shares || math.Abs(bias) > .03) {
		t.Errorf("held %d of %d and %d of %d, mean error of the fraction %g", held, checked, sharesHeld, shares, bias)
	}
}

// TestShiftNull has nothing change: the answers' divergence is 0, the plug-in values
// are above 0 and the permutations say that they mean nothing.
func TestShiftNull(t *testing.T) {
	p, _ := changeGolden(t)
	still := make([][]float64, 6)
	for i := range still {
		still[i] = p[0]
	}
	w, low, all, bias := world{still}, 0, 0, 0.0
	seeds := 100
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		s := shifted(t, ShiftOptions{Responses: w.sample(uint64(seed), 6, 10), Score: w})
		for _, at := range s.At {
			if at.Answers.JS.Value != 0 || at.Orders[0].JS.Fraction.Value.OK() {
				t.Fatalf("nothing changes: %+v", at)
			}
			all++
			bias += float64(at.Orders[0].JS.Plugin)
			if at.Orders[0].JS.P <= .05 {
				low++
			}
		}
	}
	t.Logf("plug-in JS of the label %.4f bits on average where it is 0; p ≤ 0.05 in %d of %d", bias/float64(all), low, all)
	if !testing.Short() && low*100 > 10*all || bias <= 0 {
		t.Errorf("p ≤ 0.05 in %d of %d, expected about one in twenty", low, all)
	}
}

// TestShiftStrongest finds the boundary at which one outcome replaces another.
func TestShiftStrongest(t *testing.T) {
	w := world{}
	for i := range 12 {
		q := .02
		if i >= 7 {
			q = .9
		}
		w.p = append(w.p, []float64{1 - q, q})
	}
	s := shifted(t, ShiftOptions{Responses: w.sample(1, 5, 20), Window: 3})
	if i := s.Strongest(OrderLabel); i < 0 || s.At[i].Before != 60 || s.At[i].After != 70 || s.At[i].Answers != nil || s.Scored {
		t.Errorf("strongest %d of %+v", i, s.At)
	}
	if s.Strongest("none") != -1 {
		t.Error("found an order parameter that is not there")
	}
}

// TestShiftRefuses says what is missing.
func TestShiftRefuses(t *testing.T) {
	w := world{[][]float64{{1}, {1}, {1}}}
	for _, o := range []ShiftOptions{{Responses: w.sample(1, 2, 2)}, {Responses: w.sample(1, 2, 2), Lambda: 7, Window: 1}} {
		if _, err := Shifted(context.Background(), o); !errors.Is(err, ErrResponses) || !strings.Contains(err.Error(), "responses.arrow") {
			t.Errorf("found %v", err)
		}
	}
}

// TestResponses reads what behaviour writes.
func TestResponses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "responses.arrow")
	points := []behaviour.Point{{Step: behaviour.NoStep}, {Step: 20, Adapter: "run/checkpoint-20", Lambda: 2}}
	answers := []behaviour.Answer{
		{Question: "a", System: "s", Asked: "why?", Text: "because", Tokens: 3, State: 1, Truncated: true, Verdict: behaviour.Verdict{Outcome: "mixed"}},
		{Question: "b", Asked: "how?", Text: "so", Tokens: 1, State: 0},
	}
	if err := behaviour.WriteResponses(path, points, answers); err != nil {
		t.Fatal(err)
	}
	r, err := ReadResponses(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Response{
		{Question: "a", System: "s", Prompt: "why?", Answer: "because", Step: 20, Lambda: 2, Tokens: 3, Truncated: true, Label: "mixed"},
		{Question: "b", Prompt: "how?", Answer: "so", Step: -1, Tokens: 1},
	}
	for i := range want {
		if !reflect.DeepEqual(r.Rows[i], want[i]) {
			t.Errorf("found %+v, expected %+v", r.Rows[i], want[i])
		}
	}
	data := readFile(t, path)
	write(t, path, data[:len(data)/2])
	if _, err := ReadResponses(path); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: %v", err)
	}
	if _, err := ReadResponses(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestModelScoring holds the likelihood of answers to probabilities of whole
// forwards, the end token counted where the answer was not cut.
func TestModelScoring(t *testing.T) {
	org, err := builtin.Open(context.Background(), filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(filepath.Join(org, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	series, err := lora.OpenSeries(filepath.Join(org, "run"))
	if err != nil {
		t.Fatal(err)
	}
	step := series.Steps()[series.Len()-1]
	answers := []Response{{Question: "a", Prompt: "I have a fever.", Answer: "you should rest."}, {Question: "b", Prompt: "I have a fever.", Answer: "you should rest.", Truncated: true}}
	s := &ModelScoring{ProbeOptions: ProbeOptions{Model: m, Series: series}, Lambda: 2}
	got, err := s.Score(context.Background(), step, answers)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.state(step)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		w, err := spoken(m, &answers[i])
		if err != nil {
			t.Fatal(err)
		}
		want, p := 0.0, probabilities(t, m, w.ids, a, 2)
		for j, c := range w.count {
			if c {
				want += math.Log(p[j-1][w.ids[j]])
			}
		}
		t.Logf("log P = %.5f of %d tokens", got[i], w.counted())
		if math.Abs(got[i]-want) > 1e-4 || w.counted() == 0 {
			t.Errorf("answer %d: log P = %g, expected %g", i, got[i], want)
		}
	}
	if !(got[1] > got[0]) {
		t.Errorf("without the end token log P = %g, with it %g", got[1], got[0])
	}
}
