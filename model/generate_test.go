package model

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"agar/model/parity"
)

func generateOK(t testing.TB, m *Model, prompts [][]int32, o GenerateOptions) []Completion {
	t.Helper()
	out, err := m.Generate(context.Background(), prompts, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A sample is the same alone, in any batch and in any order of groups.
func TestSamplesDoNotDependOnTheBatch(t *testing.T) {
	m, a := tinyPair(t)
	prompts := [][]int32{{0, 5, 9}, {0, 7}, {0, 5, 9}, {0, 3, 4, 8, 13, 2, 2}, {0, 5, 9}}
	o := GenerateOptions{MaxTokens: 20, Temperature: 0.8, Seed: 7, Adapter: a, Lambda: 1.5, IgnoreEOS: true}
	all := generateOK(t, m, prompts, o)
	for i, p := range prompts {
		one := o
		one.FirstIndex = uint64(i)
		alone := generateOK(t, m, [][]int32{p}, one)[0]
		if !slices.Equal(alone.IDs, all[i].IDs) || !slices.Equal(alone.LogProbs, all[i].LogProbs) || alone.Text != all[i].Text {
			t.Errorf("prompt %d: alone %v, in the batch %v", i, alone.IDs, all[i].IDs)
		}
	}
	if slices.Equal(all[0].IDs, all[2].IDs) {
		t.Error("two samples of one prompt are the same")
	}
	some := o
	some.Indexes = []uint64{4, 1}
	for i, c := range generateOK(t, m, [][]int32{prompts[4], prompts[1]}, some) {
		if want := all[some.Indexes[i]]; !slices.Equal(c.IDs, want.IDs) {
			t.Errorf("prompt %d by its index: %v, in the batch %v", some.Indexes[i], c.IDs, want.IDs)
		}
	}
	o.Seed = 8
	if slices.Equal(generateOK(t, m, prompts[:1], o)[0].IDs, all[0].IDs) {
		t.Error("another seed gives the same sample")
	}
	greedy := generateOK(t, m, [][]int32{{0, 5, 9}, {0, 5, 9}}, GenerateOptions{MaxTokens: 9, IgnoreEOS: true})
	if !slices.Equal(greedy[0].IDs, greedy[1].IDs) || len(greedy[0].IDs) != 9 {
		t.Errorf("greedy continuations of one prompt differ: %v, %v", greedy[0].IDs, greedy[1].IDs)
	}
}

// Sampled frequencies are those of softmax(logits/T).
func TestSamplerDrawsTheDistribution(t *testing.T) {
	logits := []float32{1, 3, 2, float32(math.Inf(-1)), 0}
	for _, temp := range []float64{0.5, 1, 2} {
		const n = 40000
		counts := make([]float64, len(logits))
		for i := range n {
			counts[newSampler(sampling{temperature: temp, topP: 1, penalty: 1}, 3, uint64(i), 0).next(logits)]++
		}
		total := 0.0
		for _, v := range logits {
			total += math.Exp(float64(v) / temp)
		}
		for id, c := range counts {
			p := math.Exp(float64(logits[id])/temp) / total
			// Four standard errors of a binomial: one token in 16,000 tests.
			if sd := math.Sqrt(p * (1 - p) / n); math.Abs(c/n-p) > 4*sd {
				t.Errorf("T = %g: token %d drawn %.4f of the time, expected %.4f ± %.4f", temp, id, c/n, p, sd)
			}
		}
	}
}

func TestGenerateStops(t *testing.T) {
	m, _ := tinyPair(t)
	prompt := [][]int32{{0, 5, 9}}
	free := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 12, IgnoreEOS: true})[0]
	at := slices.Index(free.IDs, free.IDs[5])
	stopped := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 12, IgnoreEOS: true, Stop: []int32{free.IDs[5]}})[0]
	if !stopped.Stopped || !slices.Equal(stopped.IDs, free.IDs[:at+1]) || len(stopped.LogProbs) != at+1 {
		t.Errorf("stop at %d: %+v, free run %v", free.IDs[5], stopped, free.IDs)
	}
	if want := m.Tokenizer.Decode(free.IDs[:at], true); stopped.Text != want {
		t.Errorf("text %q, expected %q without the stop token", stopped.Text, want)
	}
	m.EOS = []int32{free.IDs[5]}
	if eos := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 12})[0]; !slices.Equal(eos.IDs, stopped.IDs) || !eos.Stopped {
		t.Errorf("the model's end token: %+v", eos)
	}
	long := generateOK(t, m, batch(m, 1, 250), GenerateOptions{MaxTokens: 100, IgnoreEOS: true})[0]
	if len(long.IDs) != m.Spec.MaxPos-250 || long.Stopped {
		t.Errorf("%d tokens after 250 of at most %d", len(long.IDs), m.Spec.MaxPos)
	}
	if one := generateOK(t, m, prompt, GenerateOptions{MaxTokens: 1, IgnoreEOS: true})[0]; len(one.IDs) != 1 {
		t.Errorf("MaxTokens 1 gives %v", one.IDs)
	}
}

// The log-probabilities of a completion are minus the losses of its text.
func TestLogProbsAreLosses(t *testing.T) {
	m, a := tinyPair(t)
	prompt := []int32{0, 5, 9}
	c := generateOK(t, m, [][]int32{prompt}, GenerateOptions{MaxTokens: 15, Temperature: 1, Adapter: a, Lambda: 1, IgnoreEOS: true})[0]
	loss, err := m.Loss(context.Background(), &Request{Seqs: [][]int32{append(slices.Clone(prompt), c.IDs...)}, Adapter: a, Lambda: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, lp := range c.LogProbs {
		if lp != -loss[len(prompt)-1+i] {
			t.Errorf("token %d: log-probability %g, loss %g", i, lp, loss[len(prompt)-1+i])
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	m, _ := tinyPair(t)
	for _, x := range []struct {
		prompts [][]int32
		o       GenerateOptions
		says    string
	}{
		{[][]int32{{1}, {}}, GenerateOptions{}, "prompt 1"},
		{batch(m, 1, 256), GenerateOptions{}, "256 tokens"},
		{[][]int32{{1}}, GenerateOptions{MaxTokens: -1}, "-1"},
		{[][]int32{{1}}, GenerateOptions{Temperature: math.NaN()}, "NaN"},
		{[][]int32{{99}}, GenerateOptions{}, "99"},
		{[][]int32{{1}}, GenerateOptions{TopK: -1}, "TopK -1"},
		{[][]int32{{1}}, GenerateOptions{TopP: 1.5}, "TopP 1.5"},
		{[][]int32{{1}}, GenerateOptions{MinP: math.NaN()}, "MinP NaN"},
		{[][]int32{{1}}, GenerateOptions{RepetitionPenalty: -2}, "RepetitionPenalty -2"},
		{[][]int32{{1}}, GenerateOptions{Samples: -1}, "Samples -1"},
		{[][]int32{{1}}, GenerateOptions{StopStrings: []string{"a", ""}}, "stop string 1"},
		{[][]int32{{1}, {1, 2}}, GenerateOptions{CacheMemory: 1000, MaxTokens: 50}, "prompt 0: keys and values of 50 tokens"},
	} {
		if _, err := m.Generate(context.Background(), x.prompts, x.o); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%+v: %v, expected %q", x.o, err, x.says)
		}
	}
}

// A dump may have one greedy token more than there are positions for; those that fit
// are compared.
func TestParityOfGreedyTokensAtTheLastPosition(t *testing.T) {
	m, _ := tinyPair(t)
	prompt := batch(m, 1, m.Spec.MaxPos-3)
	greedy := append(generateOK(t, m, prompt, GenerateOptions{MaxTokens: 3, IgnoreEOS: true})[0].IDs, 0)
	for wrong, want := range map[int]int{-1: 0, 1: 1} {
		c := &parity.Case{Name: "end", IDs: prompt[0], Greedy: slices.Clone(greedy)}
		if wrong >= 0 {
			c.Greedy[wrong] ^= 1
		}
		r := &parity.Report{}
		if err := m.parityGreedy(t.Context(), c, nil, 0, r); err != nil || len(r.Tokens) != want {
			t.Errorf("token %d changed: %+v, %v", wrong, r.Tokens, err)
		}
	}
}
