package model

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// sampling says how tokens are drawn, as transformers' logits processors do, in
// their order: repetition penalty, temperature, top-k, top-p, min-p.
type sampling struct {
	temperature float64 // 0: the largest score
	topK        int     // 0: all
	topP, minP  float64 // 1 and 0: all
	penalty     float64 // 1: none
}

// sampling checks the options and fills in what they leave out.
func (o *GenerateOptions) sampling() (sampling, error) {
	s := sampling{o.Temperature, o.TopK, cmp.Or(o.TopP, 1), o.MinP, cmp.Or(o.RepetitionPenalty, 1)}
	switch {
	case !(s.temperature >= 0) || math.IsInf(s.temperature, 0):
		return s, fmt.Errorf("found Temperature %g, expected 0 (greedy) or more", s.temperature)
	case s.topK < 0:
		return s, fmt.Errorf("found TopK %d, expected 0 (all) or more", s.topK)
	case !(s.topP > 0 && s.topP <= 1):
		return s, fmt.Errorf("found TopP %g, expected more than 0 and at most 1", s.topP)
	case !(s.minP >= 0 && s.minP <= 1):
		return s, fmt.Errorf("found MinP %g, expected 0 to 1", s.minP)
	case !(s.penalty > 0) || math.IsInf(s.penalty, 0):
		return s, fmt.Errorf("found RepetitionPenalty %g, expected more than 0", s.penalty)
	}
	return s, nil
}

// sampler draws the tokens of one completion.
type sampler struct {
	sampling
	rng    *rand.Rand // nil when greedy
	seen   []bool     // tokens of the prompt and the completion, where there is a penalty
	scores []float32  // after penalty and temperature
	kept   candidates
	norm   float64 // log Σ exp(logit) of the last logits, NaN when it was not summed
}

// candidates are the tokens that may be drawn, in the order of the vocabulary.
type candidates struct {
	id     []int32
	weight []float64 // exp(score − the largest)
}

// newSampler makes the sampler of a completion. Its generator depends on the
// seed, the number of the prompt and that of the sample and on nothing else, so
// that a sample is the same alone and in any batch.
func newSampler(s sampling, seed, prompt, sample uint64) *sampler {
	x := &sampler{sampling: s}
	if s.temperature > 0 {
		x.rng = rand.New(rand.NewPCG(seed, prompt+sample<<40))
	}
	return x
}

// saw counts tokens as seen, for the penalty.
func (s *sampler) saw(vocab int, ids ...int32) {
	if s.penalty == 1 {
		return
	}
	if s.seen == nil {
		s.seen = make([]bool, vocab)
	}
	for _, id := range ids {
		s.seen[id] = true
	}
}

// next picks a token from logits, the first of equals when greedy.
func (s *sampler) next(logits []float32) int32 {
	scores := s.score(logits)
	if s.rng == nil {
		at := 0
		for i, v := range scores {
			if v > scores[at] {
				at = i
			}
		}
		return int32(at)
	}
	top := s.filter(scores)
	if s.norm = math.NaN(); s.plain() {
		s.norm = float64(top) + math.Log(s.kept.total())
	}
	s.narrow()
	return s.kept.draw(s.rng.Float64())
}

// score applies penalty and temperature, in float32 as transformers does.
func (s *sampler) score(logits []float32) []float32 {
	t, p := float32(s.temperature), float32(s.penalty)
	if s.penalty == 1 && (t == 0 || t == 1) {
		return logits
	}
	s.scores = append(s.scores[:0], logits...)
	for id, seen := range s.seen {
		switch v := s.scores[id]; {
		case !seen:
		case v < 0:
			s.scores[id] = v * p
		default:
			s.scores[id] = v / p
		}
	}
	if t > 0 && t != 1 {
		for i, v := range s.scores {
			s.scores[i] = v / t
		}
	}
	return s.scores
}

// plain tells whether the scores are the logits and filter kept all of them, so that
// its weights add up to what a softmax divides by.
func (s *sampler) plain() bool {
	return s.penalty == 1 && s.temperature == 1 && len(s.kept.id) > 0 && s.topK == 0
}

// logSumExp is that of the logits that next was given last, bit for bit, without
// another pass through the exponentials where they were taken already.
func (s *sampler) logSumExp(logits []float32) float64 {
	if s.rng == nil || math.IsNaN(s.norm) {
		return logSumExp(logits)
	}
	return s.norm
}

// filter sets s.kept to the tokens that top-k leaves, and gives the largest score.
func (s *sampler) filter(scores []float32) (top float32) {
	top = slices.Max(scores)
	low := float32(math.Inf(-1))
	if s.topK > 0 && s.topK < len(scores) {
		low = kthLargest(scores, s.topK)
	}
	k := &s.kept
	k.id, k.weight = k.id[:0], k.weight[:0]
	for i, v := range scores {
		if v >= low && !math.IsInf(float64(v), -1) {
			k.id, k.weight = append(k.id, int32(i)), append(k.weight, math.Exp(float64(v-top)))
		}
	}
	return top
}

// narrow leaves of s.kept what top-p and min-p do.
func (s *sampler) narrow() {
	k := &s.kept
	if s.topP < 1 {
		k.nucleus(s.topP)
	}
	if s.minP > 0 {
		k.keep(func(i int) bool { return k.weight[i] >= s.minP })
	}
}

// keep drops the candidates that f says no to.
func (k *candidates) keep(f func(i int) bool) {
	n := 0
	for i := range k.id {
		if f(i) {
			k.id[n], k.weight[n] = k.id[i], k.weight[i]
			n++
		}
	}
	k.id, k.weight = k.id[:n], k.weight[:n]
}

func (k *candidates) total() (sum float64) {
	for _, w := range k.weight {
		sum += w
	}
	return sum
}

// nucleus keeps the most probable candidates, as long as those before have less
// than p together: the smallest set with p or more.
func (k *candidates) nucleus(p float64) {
	h := &byWeight{k: k, order: make([]int, len(k.id))}
	for i := range h.order {
		h.order[i] = i
	}
	heap.Init(h)
	keep := make([]bool, len(k.id))
	limit := p * k.total()
	for before := 0.0; h.Len() > 0 && before < limit; {
		i := heap.Pop(h).(int)
		keep[i] = true
		before += k.weight[i]
	}
	k.keep(func(i int) bool { return keep[i] })
}

// byWeight is a heap of candidates, the heaviest on top. Of equals the last one
// comes first: transformers sorts ascending and drops from the front.
type byWeight struct {
	k     *candidates
	order []int
}

func (h *byWeight) Len() int { return len(h.order) }
func (h *byWeight) Less(i, j int) bool {
	a, b := h.order[i], h.order[j]
	return h.k.weight[a] > h.k.weight[b] || h.k.weight[a] == h.k.weight[b] && a > b
}
func (h *byWeight) Swap(i, j int) { h.order[i], h.order[j] = h.order[j], h.order[i] }
func (h *byWeight) Push(x any)    { h.order = append(h.order, x.(int)) }

// Pop takes the last element, as package heap asks for.
func (h *byWeight) Pop() any {
	n := len(h.order) - 1
	x := h.order[n]
	h.order = h.order[:n]
	return x
}

// draw inverts the cumulative distribution at u in [0, 1), in float64 and in the
// order of the vocabulary.
func (k *candidates) draw(u float64) int32 {
	left, last := u*k.total(), int32(0)
	for i, w := range k.weight {
		if w > 0 {
			last = k.id[i]
		}
		if left -= w; left < 0 {
			return k.id[i]
		}
	}
	return last
}

// kthLargest is the k-th largest of x, 0 < k ≤ len(x).
func kthLargest(x []float32, k int) float32 {
	h := make([]float32, 0, k) // a heap with the smallest on top
	for _, v := range x {
		if len(h) == k && v <= h[0] {
			continue
		}
		if len(h) < k {
			h = append(h, v)
			for i := len(h) - 1; i > 0 && h[(i-1)/2] > h[i]; i = (i - 1) / 2 {
				h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
			}
			continue
		}
		h[0] = v
		siftDown(h)
	}
	return h[0]
}

func siftDown(h []float32) {
	for i := 0; 2*i+1 < len(h); {
		c := 2*i + 1
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[i] <= h[c] {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// TokenLogProb is a token with its log-probability in nats.
type TokenLogProb struct {
	ID      int32
	LogProb float32
}

// topLogProbs are the n most probable tokens, the lower id first among equals,
// given the log of the sum of exponentials.
func topLogProbs(logits []float32, n int, lse float64) []TokenLogProb {
	n = min(n, len(logits))
	low := kthLargest(logits, n)
	var out []TokenLogProb
	for i, v := range logits {
		if v >= low {
			out = append(out, TokenLogProb{int32(i), float32(float64(v) - lse)})
		}
	}
	slices.SortStableFunc(out, func(a, b TokenLogProb) int { return cmp.Compare(logits[b.ID], logits[a.ID]) })
	return out[:n]
}
