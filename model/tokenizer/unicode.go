package tokenizer

import (
	"sort"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// decompose is NFD (compat: NFKD) of s with the change that each character
// stands for: of what one character becomes, the first replaces it and the
// others are inserted; canonical ordering moves the changes along.
func decompose(s string, compat bool) []change {
	f := norm.NFD
	if compat {
		f = norm.NFKD
	}
	cs := make([]change, 0, len(s))
	for i := 0; i < len(s); {
		_, w := utf8.DecodeRuneInString(s[i:])
		d := 0
		c := s[i : i+w]
		if r, _ := utf8.DecodeRuneInString(c); !inRanges(lateDecompositions, r) {
			c = f.String(c)
		}
		for _, r := range c {
			cs = append(cs, change{r, d})
			d = 1
		}
		i += w
	}
	orderMarks(cs)
	return cs
}

// orderMarks sorts every run of combining marks by combining class, stably.
func orderMarks(cs []change) {
	for i := 0; i < len(cs); i++ {
		j := i
		for j < len(cs) && ccc(cs[j].r) != 0 {
			j++
		}
		if run := cs[i:j]; len(run) > 1 {
			sort.SliceStable(run, func(a, b int) bool { return ccc(run[a].r) < ccc(run[b].r) })
		}
		i = max(i, j)
	}
}

// recompose is the canonical composition algorithm (Unicode 15, D117) over a
// decomposed text. A composed character sums the changes of its parts and
// removes one character a part.
func recompose(cs []change) []change {
	out := make([]change, 0, len(cs))
	starter, lastClass := -1, 0 // lastClass: of the last mark kept since the starter, 0 for none
	for _, c := range cs {
		class := int(ccc(c.r))
		if starter >= 0 && (lastClass == 0 || lastClass < class) {
			if r, ok := compose(out[starter].r, c.r); ok {
				out[starter] = change{r, out[starter].d + c.d - 1}
				continue
			}
		}
		if class == 0 {
			starter, lastClass = len(out), 0
		} else if starter >= 0 {
			lastClass = class
		}
		out = append(out, c)
	}
	return out
}

// ccc is the canonical combining class of r. Marks that came after Unicode 9
// have none, as Hugging Face's library does not know them.
func ccc(r rune) uint8 {
	if r < 0x300 || !isMark(r) {
		return 0
	}
	var b [utf8.UTFMax]byte
	return norm.NFD.Properties(b[:utf8.EncodeRune(b[:], r)]).CCC()
}

// compose is the primary composite of a followed by b, if there is one.
func compose(a, b rune) (rune, bool) {
	var buf [2 * utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], a)
	n += utf8.EncodeRune(buf[n:], b)
	s := norm.NFC.Bytes(buf[:n])
	r, w := utf8.DecodeRune(s)
	return r, w == len(s) && !inRanges(lateDecompositions, r)
}
