package tokenizer

import "unicode/utf8"

// model turns one pre-tokenized word into symbols; with raw set the word stands
// for its byte-level form and sizes count its own bytes. The result is valid
// until the next call with the same scratch and must not be modified. Bytes
// without a token have a symbol with id −1.
type model interface {
	tokenize(word string, raw bool, s *scratch) []symbol
}

// wordLevel has an id a word.
type wordLevel struct {
	vocab *vocabulary
	unk   int32
}

func (m *wordLevel) tokenize(word string, _ bool, s *scratch) []symbol {
	id, ok := m.vocab.get(word)
	if !ok {
		id = m.unk
	}
	s.word = append(s.word[:0], symbol{id, int32(len(word))})
	return s.word
}

// bpe is byte-pair encoding.
type bpe struct {
	vocab        *vocabulary
	merges       *mergeTable
	cache        *cache
	unk          int32 // −1: unknown characters are dropped
	fuseUnk      bool
	byteFallback bool
	ignoreMerges bool
	prefix       string      // before every character of a word but the first
	suffix       string      // after a word's last character
	raw          bool        // words come raw, unless one of their bytes has no token
	byteIDs      [256]int32  // the token of a byte's character
	rawVocab     *vocabulary // with ignoreMerges: vocab by bytes
	fallback     [256]int32  // the token <0xHH> of a byte or −1
	cuts         cuts
}

// tokenize caches either raw words or mapped ones, as one string may stand for
// two of them.
func (m *bpe) tokenize(word string, raw bool, s *scratch) []symbol {
	if m.ignoreMerges {
		v := m.vocab
		if raw {
			v = m.rawVocab
		}
		if id, ok := v.get(word); ok {
			s.word = append(s.word[:0], symbol{id, int32(len(word))})
			return s.word
		}
	}
	if !raw && m.cuts.usable {
		return m.segments(word, s)
	}
	return m.whole(word, raw, s)
}

// segments tokenizes the parts of word that no merge joins.
func (m *bpe) segments(word string, s *scratch) []symbol {
	end := m.cuts.next(word)
	if end == len(word) {
		return m.whole(word, false, s)
	}
	s.parts = s.parts[:0]
	for word != "" {
		s.parts = append(s.parts, m.whole(word[:end], false, s)...)
		word = word[end:]
		end = m.cuts.next(word)
	}
	return s.parts
}

// whole tokenizes a word in one piece.
func (m *bpe) whole(word string, raw bool, s *scratch) []symbol {
	if raw == m.raw {
		if w, ok := m.cache.get(word); ok {
			return w
		}
	}
	s.word = s.word[:0]
	if raw {
		for i := range len(word) {
			s.word = append(s.word, symbol{m.byteIDs[word[i]], 1})
		}
	} else {
		s.word = m.characters(word, s.word)
	}
	w := m.merges.mergeAll(s.word, s)
	if raw == m.raw {
		m.cache.put(word, w)
	}
	return w
}

// characters looks up the characters of word. An unknown one becomes its bytes
// where the vocabulary has them, else the unknown token, else nothing.
func (m *bpe) characters(word string, out []symbol) []symbol {
	unk := int32(0) // bytes of unknown characters not yet in out
	flush := func() {
		if unk > 0 {
			out = append(out, symbol{m.unk, unk})
		}
		unk = 0
	}
	for i := 0; i < len(word); {
		_, w := utf8.DecodeRuneInString(word[i:])
		c := m.affixed(word, i, i+w)
		i += w
		if id, ok := m.vocab.get(c); ok {
			flush()
			out = append(out, symbol{id, int32(w)})
			continue
		}
		if m.byteFallback && hasBytes(&m.fallback, c) {
			for k := range len(c) {
				out = append(out, symbol{m.fallback[c[k]], 1})
			}
			continue
		}
		if m.unk < 0 {
			continue
		}
		if !m.fuseUnk {
			flush()
		}
		unk += int32(w)
	}
	flush()
	return out
}

// affixed is the character word[i:j] with the prefix and suffix of its place.
func (m *bpe) affixed(word string, i, j int) string {
	c := word[i:j]
	if i > 0 && m.prefix != "" {
		c = m.prefix + c
	}
	if j == len(word) && m.suffix != "" {
		c += m.suffix
	}
	return c
}

// hasBytes says that every byte of c has a token.
func hasBytes(fallback *[256]int32, c string) bool {
	for k := range len(c) {
		if fallback[c[k]] < 0 {
			return false
		}
	}
	return true
}
