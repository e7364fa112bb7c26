package tokenizer

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// cuts finds places inside a word that no merge can reach across, so that a
// vocabulary without pre-tokenizer (Llama 2, Gemma) is not run over a whole
// text at once: a merge joins the last character of its left side with the
// first of its right side, and a pair of characters that no merge joins so is
// never joined. Only places before a mark for a space are looked at.
type cuts struct {
	usable bool
	barred bool          // a merge has byte tokens, whose characters are not the text's
	joined map[rune]bool // characters that some merge joins with a mark behind them
}

const spaceMark = "▁"

// add takes notice of a merge.
func (c *cuts) add(a, b []byte) {
	for _, s := range [][]byte{a, b} {
		if len(s) == len("<0x00>") {
			_, ok := byteToken(string(s))
			c.barred = c.barred || ok
		}
	}
	if !bytes.HasPrefix(b, []byte(spaceMark)) {
		return
	}
	if c.joined == nil {
		c.joined = map[rune]bool{}
	}
	r, _ := utf8.DecodeLastRune(a)
	c.joined[r] = true
}

// setCuts decides, when all merges are known, whether words may be cut.
func (m *bpe) setCuts() {
	_, ok := m.vocab.get(spaceMark)
	m.cuts.usable = ok && !m.cuts.barred && m.prefix == "" && m.suffix == "" && !m.raw
}

// next is the end of the first part of word.
func (c *cuts) next(word string) int {
	for i := 1; i < len(word); i += len(spaceMark) {
		k := strings.Index(word[i:], spaceMark)
		if k < 0 {
			break
		}
		i += k
		if r, _ := utf8.DecodeLastRuneInString(word[:i]); !c.joined[r] {
			return i
		}
	}
	return len(word)
}
