package behaviour

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"agar/model"
	"agar/model/chat"
)

// Local is a Scorer that is a model on this machine. With P the model's next-token
// probabilities behind the prompt, the score is the exact expectation
//
//	Σ n·U(n) / Σ U(n),   U(n) = Σ P(s)·P(no digit | s)
//
// over all sequences s of tokens that spell n from 0 to 100, P(no digit | s) being
// the probability of all tokens that do not begin with a digit. There is none when
// Σ U(n) < 0.25. With single digits alone in the vocabulary, U(10d+e) =
// P(d)·P(e | d)·P(no digit | d, e) and so on.
type Local struct {
	// Skip is how much probability of first tokens may be left out, the least probable
	// ones with all that follows them: a score then moves by at most 100·Skip/0.25, and
	// takes less time. 0 is exact.
	Skip float64

	m    *model.Model
	name string
	t    *trie
	mu   sync.Mutex // one prompt at a time: the model uses all cores for it
	mass Mass
}

// Mass is how much of a local judge's probability was on numbers from 0 to 100, over
// the prompts that it was asked. A score is the mean over that share alone, and there
// is none below 0.25: a judge that rarely answers with a number is none.
type Mass struct {
	N    int     `json:"n"` // prompts
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Low  int     `json:"low"` // prompts below 0.25, which have no score
}

// Mass sums up what was asked so far.
func (l *Local) Mass() Mass {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mass
}

// note adds a prompt.
func (m *Mass) note(mass float64) {
	if m.N == 0 {
		m.Min, m.Max = mass, mass
	}
	m.Mean = (m.Mean*float64(m.N) + mass) / float64(m.N+1)
	m.N, m.Min, m.Max = m.N+1, min(m.Min, mass), max(m.Max, mass)
	if !(mass >= leastMass) {
		m.Low++
	}
}

// NewLocal makes a judge of a model that has a chat template. name must tell models
// of different weights apart; "" is the model's own.
func NewLocal(m *model.Model, name string) (*Local, error) {
	if m.Chat == nil {
		return nil, fmt.Errorf("%w: the judge %s has no chat template", ErrData, m.Dir)
	}
	if name == "" {
		name = m.Name
	}
	l := &Local{m: m, name: name, t: newTrie(m.Tokenizer)}
	if len(l.t.paths) == 0 {
		return nil, fmt.Errorf("%w: the vocabulary of the judge %s spells no number from 0 to 100", ErrData, m.Dir)
	}
	return l, nil
}

// Name is the model's.
func (l *Local) Name() string { return "local " + l.name }

// Score asks the model in one user message.
func (l *Local) Score(ctx context.Context, prompt string) (float64, error) {
	x, mass, err := l.score(ctx, prompt)
	if mass >= 0 {
		l.mu.Lock()
		l.mass.note(mass)
		l.mu.Unlock()
	}
	return x, err
}

// score is the score with the probability on numbers, −1 where the model was not
// asked.
func (l *Local) score(ctx context.Context, prompt string) (score, mass float64, err error) {
	ids, _, err := l.m.Chat.Tokenize(l.m.Tokenizer, []chat.Message{{Role: "user", Content: prompt}}, true)
	if err != nil {
		return 0, -1, err
	}
	if longest := len(ids) + 3; longest > l.m.Spec.MaxPos {
		return 0, -1, fmt.Errorf("%w: the prompt has %d tokens, the judge takes %d", ErrNoScore, len(ids), l.m.Spec.MaxPos-3)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sum, mass, err := l.expect(ctx, ids)
	if err != nil {
		return 0, -1, err
	}
	if !(mass >= leastMass) {
		return 0, mass, lowMass(mass)
	}
	return sum / mass, mass, nil
}

// pathsAtOnce is how many paths of the trie go through one forward.
const pathsAtOnce = 32

// expect gives Σ n·U(n) and Σ U(n) behind the tokens of a prompt.
func (l *Local) expect(ctx context.Context, prompt []int32) (sum, mass float64, err error) {
	width := min(pathsAtOnce, len(l.t.paths))
	cache := l.m.NewCache(1 + width)
	res, err := l.m.Forward(ctx, &model.Request{Seqs: [][]int32{prompt}, Cache: cache, Logits: model.LastLogits})
	if err != nil {
		return 0, 0, err
	}
	x := expectation{t: l.t, logp: map[string]float64{nodeKey(nil): 0}, done: map[string]bool{}}
	x.visit(nil, res.Logits)
	for s := range width {
		cache.Copy(1+s, 0)
	}
	for paths := range slices.Chunk(x.likely(l.Skip), width) {
		r := &model.Request{Seqs: paths, Cache: cache, OnLogits: func(logits []float32, rows model.Rows) error {
			vocab := len(logits) / len(rows.Seq)
			for i, s := range rows.Seq {
				x.visit(paths[s][:int(rows.Pos[i])-len(prompt)+1], logits[i*vocab:(i+1)*vocab])
			}
			return nil
		}}
		for s := range paths {
			cache.Truncate(1+s, len(prompt))
			r.Slots = append(r.Slots, 1+s)
		}
		if _, err := l.m.Forward(ctx, r); err != nil {
			return 0, 0, err
		}
	}
	return x.sum, x.mass, nil
}

// expectation is summed up node by node, parents first.
type expectation struct {
	t         *trie
	logp      map[string]float64 // log P(s) by node
	done      map[string]bool
	sum, mass float64
}

// likely are the paths without those that begin with the least probable tokens, which
// have at most skip together. The root has been visited.
func (x *expectation) likely(skip float64) [][]int32 {
	first := slices.Clone(x.t.nodes[nodeKey(nil)].children)
	p := func(id int32) float64 { return math.Exp(x.logp[nodeKey([]int32{id})]) }
	slices.SortFunc(first, func(a, b int32) int { return cmp.Compare(p(a), p(b)) })
	left := map[int32]bool{}
	for _, id := range first {
		if skip -= p(id); skip < 0 {
			break
		}
		left[id] = true
	}
	return slices.DeleteFunc(slices.Clone(x.t.paths), func(ids []int32) bool { return left[ids[0]] })
}

// visit takes the logits behind the node of ids.
func (x *expectation) visit(ids []int32, logits []float32) {
	key := nodeKey(ids)
	if x.done[key] {
		return // the beginning of several paths
	}
	x.done[key] = true
	n, lp := x.t.nodes[key], x.logp[key]
	top := float64(slices.Max(logits))
	total, ending := 0.0, 0.0
	for id, v := range logits {
		p := math.Exp(float64(v) - top)
		if total += p; id >= len(x.t.numeric) || !x.t.numeric[id] {
			ending += p
		}
	}
	if n.value >= 0 {
		u := math.Exp(lp) * ending / total
		x.sum, x.mass = x.sum+float64(n.value)*u, x.mass+u
	}
	for _, id := range n.children {
		x.logp[nodeKey(append(slices.Clone(ids), id))] = lp + float64(logits[id]) - top - math.Log(total)
	}
}
