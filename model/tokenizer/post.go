package tokenizer

import (
	"strings"
	"unicode"
)

// postProcessor changes a finished encoding. special is Encode's addSpecial.
type postProcessor interface {
	process(t *Tokenizer, text string, e Encoding, special bool) Encoding
}

// template is TemplateProcessing for a single text.
type template []templateStep

type templateStep struct {
	sequence bool    // the text's own tokens
	ids      []int32 // else these
}

func (t template) process(_ *Tokenizer, _ string, e Encoding, special bool) Encoding {
	var out Encoding
	for _, s := range t {
		if s.sequence {
			out.IDs = append(out.IDs, e.IDs...)
			out.Offsets = append(out.Offsets, e.Offsets...)
		} else if special {
			out.IDs = append(out.IDs, s.ids...)
			out.Offsets = append(out.Offsets, make([][2]int, len(s.ids))...)
		}
	}
	return out
}

// trimmer is ByteLevel with trim_offsets: white space at a token's ends does
// not count as covered. It steps by characters of the text, as many as the
// token has spaces.
type trimmer struct{ prefixSpace bool }

func (p trimmer) process(t *Tokenizer, text string, e Encoding, _ bool) Encoding {
	for i, id := range e.IDs {
		o := &e.Offsets[i]
		lead, trail := t.spacesOf(id, text, *o)
		if lead == 1 && p.prefixSpace && (i == 0 || o[0] == 0) {
			lead = 0 // the space was put there by the pre-tokenizer
		}
		for ; lead > 0 && o[0] < o[1]; lead-- {
			_, w := decodeRune(text[o[0]:])
			o[0] = min(o[0]+w, o[1])
		}
		if !hasRunes(text, o[1], trail) {
			continue
		}
		for ; trail > 0 && o[1] > o[0]; trail-- {
			o[1] = max(runeStart(text, o[1]), o[0])
		}
	}
	return e
}

// spacesOf counts the white space that token id begins and ends with; that of
// an added token is what it stripped from the text.
func (t *Tokenizer) spacesOf(id int32, text string, o [2]int) (lead, trail int) {
	s := t.tokens[id]
	if _, ok := t.added[id]; ok {
		s = text[o[0]:o[1]]
	}
	space := func(r rune) bool { return r == 'Ġ' || unicode.IsSpace(r) }
	for _, r := range s {
		if !space(r) {
			break
		}
		lead++
	}
	rest := strings.TrimRightFunc(s, space)
	return lead, len([]rune(s[len(rest):]))
}

// hasRunes says that n characters of text lie before byte end.
func hasRunes(text string, end, n int) bool {
	for ; n > 0 && end > 0; n-- {
		end = runeStart(text, end)
	}
	return n == 0
}

// runeStart is where the character before byte end begins.
func runeStart(text string, end int) int {
	for i := max(0, end-4); i < end; i++ {
		if _, w := decodeRune(text[i:]); i+w == end {
			return i
		}
	}
	return end - 1
}
