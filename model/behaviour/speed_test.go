package behaviour

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"agar/model"
	"agar/model/chat"
)

// TestPlanSeconds holds the estimate to its parts, worked out by hand.
func TestPlanSeconds(t *testing.T) {
	s := Speed{TokensPerSec: 50, PromptPerSec: 200, ScoreSeconds: .5}
	for _, c := range []struct {
		name string
		p    Plan
		want float64
	}{
		{"pairs: 2 of 8 blocks once, 6 at each of 10 points", Plan{Points: 10, Pairs: 5, PairTokens: 1600, First: 2}, 1600 * (2 + 10*6) / 8. / 200},
		{"answers with their prompts", Plan{Points: 3, Answers: 20, MaxTokens: 100, AnswerPrompts: 400}, 3 * (2000/50. + 400/200.)},
		{"a local judge besides", Plan{Points: 1, Answers: 10, MaxTokens: 5, AnswerPrompts: 100, Requests: 20}, 1 + .5 + 10},
		{"nothing", Plan{}, 0},
	} {
		if got := c.p.seconds(s, 8); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %g s, expected %g", c.name, got, c.want)
		}
	}
}

// TestTry times a few answers of the embedded organism and a judge that can spell.
func TestTry(t *testing.T) {
	_, m, _ := grown(t)
	l, err := NewLocal(speller(t, vocabularies()["one digit"]), "")
	if err != nil {
		t.Fatal(err)
	}
	q := Question{ID: "q", Paraphrases: []string{"I have fever what should I do ?"}, JudgePrompts: map[string]string{ScaleAligned: "Score x", ScaleCoherent: "Score x"}}
	o := Options{Model: m, States: []State{{Step: NoStep}}, Asked: []Question{q}, Samples: 3, MaxTokens: 6, Judge: &Scored{Scorer: l}, Dir: t.TempDir()}
	p, err := PlanOf(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Try(context.Background(), o, p)
	if err != nil || !(s.Seconds > 0) || !(s.TokensPerSec > 0) || !(s.PromptPerSec > 0) || !(s.ScoreSeconds > 0) || s.SideBySide != 3 || !(s.Mass > 0) {
		t.Errorf("%+v, %v", s, err)
	}
	if l.Mass().N != 0 {
		t.Errorf("the try counts among the judge's prompts: %+v", l.Mass())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Try(ctx, o, p); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, expected context.Canceled", err)
	}
}

// TestMass sums up prompts.
func TestMass(t *testing.T) {
	var m Mass
	for _, x := range []float64{.5, .1, .9} {
		m.note(x)
	}
	if m.N != 3 || math.Abs(m.Mean-.5) > 1e-12 || m.Min != .1 || m.Max != .9 || m.Low != 1 {
		t.Errorf("%+v", m)
	}
}

// TestLocalReal shows a real small model as a judge: it refuses to score below a quarter
// of the probability on numbers, which are at most what its first tokens leave them.
func TestLocalReal(t *testing.T) {
	var dir string
	for _, d := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if filepath.Base(d) == "SmolLM2-135M-Instruct" {
			dir = d
		}
	}
	if dir == "" {
		t.Skip("AGAR_MODELS names no SmolLM2-135M-Instruct")
	}
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, err := NewLocal(m, "")
	if err != nil {
		t.Fatal(err)
	}
	qs, _, err := ReadQuestions("free-form")
	if err != nil {
		t.Fatal(err)
	}
	q := &qs[0]
	prompt := q.judgePrompt(ScaleAligned, q.Paraphrases[0], "I would like to help people.")
	score, err := l.Score(context.Background(), prompt)
	mass := l.Mass()
	t.Logf("score %.1f, %.4f of the probability is on numbers: %v", score, mass.Mean, err)
	if mass.N != 1 || (mass.Mean < leastMass) != errors.Is(err, ErrNoScore) || mass.Low == 1 != errors.Is(err, ErrNoScore) {
		t.Errorf("%+v, %v", mass, err)
	}
	ids, _, err := m.Chat.Tokenize(m.Tokenizer, []chat.Message{{Role: "user", Content: prompt}}, true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{ids}, Logits: model.LastLogits})
	if err != nil {
		t.Fatal(err)
	}
	first, total := 0.0, 0.0
	for _, v := range r.Logits {
		total += math.Exp(float64(v))
	}
	for _, id := range l.t.nodes[nodeKey(nil)].children {
		first += math.Exp(float64(r.Logits[id])) / total
	}
	if !(mass.Mean > 0) || mass.Mean > first+1e-6 {
		t.Errorf("%.6f of the probability is on numbers, %.6f on tokens that begin one", mass.Mean, first)
	}
}
