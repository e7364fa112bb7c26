package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// manyPrompts are prompts of several lengths, some of them twice.
func manyPrompts(m *Model, n int) [][]int32 {
	rng := rand.New(rand.NewPCG(5, 5))
	out := make([][]int32, n)
	for i := range out {
		if i%4 == 3 {
			out[i] = out[i-1-rng.IntN(i)]
			continue
		}
		out[i] = make([]int32, 1+rng.IntN(40))
		for t := range out[i] {
			out[i][t] = int32(rng.IntN(m.Spec.Vocab))
		}
	}
	return out
}

func sameCompletion(a, b Completion) bool {
	return slices.Equal(a.IDs, b.IDs) && slices.Equal(a.LogProbs, b.LogProbs) && a.Text == b.Text && a.Finish == b.Finish &&
		slices.EqualFunc(a.TopLogProbs, b.TopLogProbs, func(x, y []TokenLogProb) bool { return slices.Equal(x, y) })
}

// A completion has the same bits whatever runs beside it, however many side by
// side and in how much memory.
func TestContinuousBatching(t *testing.T) {
	m, a := tinyPair(t)
	prompts := manyPrompts(m, 12)
	m.EOS = []int32{3, 9} // some end early
	o := GenerateOptions{MaxTokens: 30, Samples: 3, Temperature: 1.3, TopK: 12, TopP: 0.95, MinP: 0.01, RepetitionPenalty: 1.1, Seed: 7, Adapter: a, Lambda: 1.5, TopLogProbs: 3, Batch: 1}
	want := generateOK(t, m, prompts, o)
	ended := map[string]int{}
	for _, c := range want {
		ended[c.Finish]++
	}
	if ended[FinishToken] == 0 || ended[FinishLength] == 0 {
		t.Fatalf("completions end %v, expected some by a token and some by length", ended)
	}
	for _, x := range []struct {
		batch  int
		memory int64
	}{{2, 0}, {5, 0}, {64, 0}, {64, 150 * m.CacheBytes()}, {3, 71 * m.CacheBytes()}} {
		o.Batch, o.CacheMemory = x.batch, x.memory
		for i, c := range generateOK(t, m, prompts, o) {
			if !sameCompletion(c, want[i]) {
				t.Errorf("batch %d, memory %d: completion %d is %v, alone %v", x.batch, x.memory, i, c.IDs, want[i].IDs)
			}
		}
	}
	// And alone, under its own numbers.
	for _, i := range []int{0, 4, 11} {
		one := o
		one.FirstIndex = uint64(i)
		for j, c := range generateOK(t, m, prompts[i:i+1], one) {
			if !sameCompletion(c, want[3*i+j]) {
				t.Errorf("prompt %d, sample %d alone: %v, expected %v", i, j, c.IDs, want[3*i+j].IDs)
			}
		}
	}
}

// Slots in use never take more memory than planned, the plan stays within its
// limit, and completions enter as others finish.
func TestGenerateMemory(t *testing.T) {
	m, _ := tinyPair(t)
	limit := 150 * m.CacheBytes()
	steps, most := 0, int64(0)
	var g *generation
	o := GenerateOptions{MaxTokens: 40, Samples: 1, IgnoreEOS: true, Batch: 8, CacheMemory: limit, OnToken: func(int, *Completion) {
		steps++
		most = max(most, g.cache.Bytes())
	}}
	g = &generation{m: m, o: o, prompts: manyPrompts(m, 9)}
	if err := g.check(); err != nil {
		t.Fatal(err)
	}
	if err := g.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if most > limit || most < limit/2 {
		t.Errorf("keys and values took %d bytes, expected at most %d and more than half of it", most, limit)
	}
	if g.used != 0 || g.cache.Bytes() != 0 || steps != 9*40 {
		t.Errorf("%d bytes planned and %d taken after %d tokens, expected none after 360", g.used, g.cache.Bytes(), steps)
	}
	if p, err := m.PlanGenerate(g.prompts, o); err != nil || p.Completions != 9 || p.SideBySide != 8 || p.Tokens != 360 || p.CacheBytes < most || p.CacheBytes > limit {
		t.Errorf("plan %+v, %v; %d bytes were taken", p, err, most)
	}
	if _, err := m.Generate(context.Background(), [][]int32{{1}, make([]int32, 200)}, GenerateOptions{MaxTokens: 40, CacheMemory: limit}); !errors.Is(err, ErrWontFit) || !strings.Contains(err.Error(), "prompt 1") {
		t.Errorf("a prompt beyond the limit: %v", err)
	}
}

// Edits act on the prompt and on every generated token, with the numbers of the
// completions whatever the batch.
func TestEditsDuringGeneration(t *testing.T) {
	m, _ := tinyPair(t)
	prompts := [][]int32{{0, 5, 9}, {0, 7}, {0, 5, 9}}
	steer := func(only int32) []Edit {
		return []Edit{{"blocks.1.hook_resid_post", func(x []float32, rows Rows) {
			d := len(x) / len(rows.Seq)
			for i, s := range rows.Seq {
				if s == only {
					for j := range d {
						x[i*d+j] += float32(j%5) - 2
					}
				}
			}
		}}}
	}
	o := GenerateOptions{MaxTokens: 12, IgnoreEOS: true, Batch: 2}
	plain := generateOK(t, m, prompts, o)
	o.Edits = steer(2)
	edited := generateOK(t, m, prompts, o)
	for i := range prompts {
		if slices.Equal(edited[i].LogProbs, plain[i].LogProbs) != (i != 2) {
			t.Errorf("completion %d: edited %v, plain %v; only completion 2 was to change", i, edited[i].LogProbs, plain[i].LogProbs)
		}
	}
	// The completion's log-probabilities are those of one edited forward.
	loss, err := m.Loss(context.Background(), &Request{Seqs: [][]int32{append(slices.Clone(prompts[2]), edited[2].IDs...)}, Edits: steer(0)})
	if err != nil {
		t.Fatal(err)
	}
	for i, lp := range edited[2].LogProbs {
		if lp != -loss[2+i] {
			t.Errorf("token %d: log-probability %g, loss %g", i, lp, loss[2+i])
		}
	}
}

// A stop string ends a completion also where it begins and ends inside of
// tokens, and is not in the text.
func TestStopStrings(t *testing.T) {
	m, _ := tinyPair(t)
	prompt := [][]int32{{0, 5, 9}}
	free := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 14, IgnoreEOS: true})[0]
	if len(free.Text) < 12 || strings.ContainsRune(free.Text, '\uFFFD') {
		t.Fatalf("text %q, expected more", free.Text)
	}
	for from := 1; from < len(free.Text)-4; from++ {
		stop := free.Text[from : from+4]
		at := strings.Index(free.Text, stop)
		c := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 14, IgnoreEOS: true, StopStrings: []string{"\x00never", stop}})[0]
		n := len(c.IDs)
		if c.Finish != FinishString || !c.Stopped || c.Text != free.Text[:at] || !slices.Equal(c.IDs, free.IDs[:n]) {
			t.Errorf("stop %q: %q (%s), expected %q", stop, c.Text, c.Finish, free.Text[:at])
		}
		if before := m.Tokenizer.Decode(c.IDs[:n-1], true); strings.Contains(before, stop) {
			t.Errorf("stop %q: %q was generated before the last token", stop, before)
		}
	}
}

// The log-probabilities of the most probable tokens descend, and the chosen
// token is among them when greedy.
func TestTopLogProbs(t *testing.T) {
	m, _ := tinyPair(t)
	c := generateOK(t, m, [][]int32{{0, 5, 9}}, GenerateOptions{MaxTokens: 5, IgnoreEOS: true, TopLogProbs: 4})[0]
	for i, top := range c.TopLogProbs {
		if len(top) != 4 || top[0] != (TokenLogProb{c.IDs[i], c.LogProbs[i]}) || !slices.IsSortedFunc(top, func(a, b TokenLogProb) int { return int(math.Copysign(1, float64(b.LogProb-a.LogProb))) }) {
			t.Errorf("token %d: %v, chosen %d at %g", i, top, c.IDs[i], c.LogProbs[i])
		}
	}
	if all := topLogProbs([]float32{1, 3, 3, 2}, 9, 0); len(all) != 4 || all[0].ID != 1 || all[1].ID != 2 || all[3].ID != 0 {
		t.Errorf("all of four: %v", all)
	}
}
