package tokenizer

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// unigram is the unigram language model (Kudo 2018): of all ways to cut a word
// into tokens the one with the largest sum of log probabilities.
type unigram struct {
	trie     *trie     // token → id
	scores   []float64 // log probabilities by id
	unk      int32     // −1: unknown characters are left out
	unkScore float64   // the smallest score less 10
	fallback *[256]int32
	cache    *cache
	single   bool // scores are kept in 32 bits, as in SentencePiece, not in 64 as in Hugging Face's library
}

// unkPenalty is what an unknown character costs below the worst token, as in
// SentencePiece.
const unkPenalty = 10

// newUnigram checks the list of tokens.
func newUnigram(f *modelFile) (*unigram, error) {
	m := &unigram{unk: -1, unkScore: math.Inf(1), single: f.single, scores: make([]float64, f.scores.len()), cache: newCache()}
	if f.UnkID != nil {
		if m.unk = *f.UnkID; m.unk < 0 || int(m.unk) >= f.scores.len() {
			return nil, fmt.Errorf("tokenizer: model.unk_id: found %d, expected less than the %d tokens", m.unk, f.scores.len())
		}
	}
	written := 0
	f.scores.each(func(_ int32, t scoredToken) { written += min(len(t.token), 1) })
	m.trie = newTrie(written)
	bytes := make(map[string]int32, 256) // of byte tokens, which may be hidden
	f.scores.each(func(id int32, t scoredToken) {
		if _, ok := byteToken(t.token); ok {
			bytes[t.token] = id
		}
		m.scores[id] = t.score
		if t.kind != hiddenToken {
			m.trie.put(t.token, id)
		}
		if t.kind == plainToken {
			m.unkScore = min(m.unkScore, t.score)
		}
	})
	if m.unkScore -= unkPenalty; m.single {
		m.unkScore = float64(float32(m.unkScore))
	}
	if yes(f.ByteFallback, false) {
		m.fallback = byteIDs(func(s string) (int32, bool) { id, ok := bytes[s]; return id, ok })
	}
	return m, nil
}

// byteIDs are the tokens <0x00> to <0xFF>, −1 for those that are missing.
func byteIDs(idOf func(string) (int32, bool)) *[256]int32 {
	t := new([256]int32)
	for b := range t {
		id, ok := idOf(byteName(byte(b)))
		if t[b] = id; !ok {
			t[b] = -1
		}
	}
	return t
}

// lattice is where the best path to a byte of a word comes from.
type lattice struct {
	score float64
	from  int32 // −1: no path
	id    int32
}

// tokenize caches short words.
func (m *unigram) tokenize(word string, _ bool, s *scratch) []symbol {
	if w, ok := m.cache.get(word); ok {
		return w
	}
	s.word = m.collect(word, m.viterbi(word, s), s.word[:0])
	m.cache.put(word, s.word)
	return s.word
}

// viterbi fills the best paths to every character's end; of equal ones the
// first found stays, which comes from further left.
func (m *unigram) viterbi(word string, s *scratch) []lattice {
	best := s.lattice[:0]
	for range len(word) + 1 {
		best = append(best, lattice{from: -1})
	}
	s.lattice = best
	reach := func(from, to int, id int32, score float64) {
		if m.single {
			score = float64(float32(score))
		}
		if b := &best[to]; b.from < 0 || score > b.score {
			*b = lattice{score, int32(from), id}
		}
	}
	for i := 0; i < len(word); {
		_, w := utf8.DecodeRuneInString(word[i:])
		here, single, node := best[i].score, false, int32(0)
		for k := i; k < len(word); {
			if node, k = m.trie.step(node, word, k); node == 0 {
				break
			}
			if id := m.trie.values[node]; id >= 0 {
				reach(i, k, id, m.scores[id]+here)
				single = single || k-i == w
			}
		}
		if !single {
			reach(i, i+w, m.unk, m.unkScore+here)
		}
		i += w
	}
	return best
}

// collect reads the best path from its end; neighbouring unknown characters
// become one token.
func (m *unigram) collect(word string, best []lattice, out []symbol) []symbol {
	for end := len(word); end > 0; {
		start, id := int(best[end].from), best[end].id
		for id == m.unk && start > 0 && best[start].id == m.unk {
			start = int(best[start].from)
		}
		out = m.emit(out, word[start:end], id)
		end = start
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// emit appends the tokens of a piece, the last one first. The first token of a
// piece carries its size, see symbol.
func (m *unigram) emit(out []symbol, piece string, id int32) []symbol {
	size := int32(len(piece))
	if id != m.unk {
		return append(out, symbol{id, size})
	}
	if known := m.trie.get(piece); known >= 0 {
		return append(out, symbol{known, size})
	}
	if m.fallback != nil && hasBytes(m.fallback, piece) {
		for k := len(piece) - 1; k > 0; k-- {
			out = append(out, symbol{m.fallback[piece[k]], 0})
		}
		return append(out, symbol{m.fallback[piece[0]], size})
	}
	return append(out, symbol{m.unk, size})
}
