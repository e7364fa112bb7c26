package tokenizer

import "unicode/utf8"

// wordPiece cuts a word into the longest tokens from the left, those after the
// first written with a prefix (Devlin et al. 2019). A word that cannot be cut
// is one unknown token.
type wordPiece struct {
	first    *trie // tokens that begin a word
	rest     *trie // tokens behind the prefix, without it
	unk      int32
	maxChars int
	cache    *cache
}

// newWordPiece takes the vocabulary apart by the prefix; an empty prefix makes
// both halves the same.
func newWordPiece(vocab *vocabulary, prefix string, unk int32, maxChars int) *wordPiece {
	follows := func(s string) bool { return len(s) > len(prefix) && s[:len(prefix)] == prefix }
	rest := 0
	for s := range vocab.all() {
		if follows(s) {
			rest++
		}
	}
	m := &wordPiece{first: newTrie(vocab.len()), rest: newTrie(rest), unk: unk, maxChars: maxChars, cache: newCache()}
	for s, id := range vocab.all() {
		m.first.put(s, id)
		if follows(s) {
			m.rest.put(s[len(prefix):], id)
		}
	}
	return m
}

func (m *wordPiece) tokenize(word string, _ bool, s *scratch) []symbol {
	if w, ok := m.cache.get(word); ok {
		return w
	}
	s.word = m.cut(word, s.word[:0])
	m.cache.put(word, s.word)
	return s.word
}

func (m *wordPiece) cut(word string, out []symbol) []symbol {
	unknown := symbol{m.unk, int32(len(word))}
	if utf8.RuneCountInString(word) > m.maxChars {
		return append(out, unknown)
	}
	t := m.first
	for i := 0; i < len(word); {
		id, end := t.longest(word, i)
		if id < 0 {
			return append(out[:0], unknown)
		}
		out = append(out, symbol{id, int32(end - i)})
		i, t = end, m.rest
	}
	return out
}
