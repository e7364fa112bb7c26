package model

import (
	"math"
	"math/rand/v2"
)

// sampler draws the next token of one completion.
type sampler struct {
	temperature float64
	rng         *rand.Rand // nil when greedy
}

// newSampler makes the generator of completion index under seed. It depends on
// nothing else, so a sample is the same alone and in any batch.
func newSampler(temperature float64, seed, index uint64) sampler {
	s := sampler{temperature: temperature}
	if temperature > 0 {
		s.rng = rand.New(rand.NewPCG(seed, index))
	}
	return s
}

// next picks a token from logits and gives its log-probability at temperature 1.
// Greedy takes the largest, the first of equals.
func (s *sampler) next(logits []float32) (id int32, logProb float32) {
	at := 0
	if s.rng == nil {
		for i, v := range logits {
			if v > logits[at] {
				at = i
			}
		}
	} else {
		at = s.draw(logits)
	}
	return int32(at), float32(float64(logits[at]) - logSumExp(logits))
}

// draw inverts the cumulative distribution of softmax(logits/T), in float64 and
// in the order of the vocabulary.
func (s *sampler) draw(logits []float32) int {
	top := logits[0]
	for _, v := range logits {
		top = max(top, v)
	}
	weight := func(v float32) float64 { return math.Exp(float64(v-top) / s.temperature) }
	total := 0.0
	for _, v := range logits {
		total += weight(v)
	}
	left, last := s.rng.Float64()*total, 0
	for i, v := range logits {
		w := weight(v)
		if w > 0 {
			last = i
		}
		if left -= w; left < 0 {
			return i
		}
	}
	return last
}
