package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// span is a half-open byte range of the original text.
type span struct{ start, end int }

// text is a piece of the input on its way through the pipeline: its present
// form s and, for every byte of s, the bytes of the original it stands for.
//
// align is nil as long as s is literally orig[base:base+len(s)]; a byte then
// stands for the character it lies in.
type text struct {
	s     string
	orig  string
	base  int
	align []span
	raw   bool // s is to be read in the byte-level alphabet, but has not been mapped
}

// newText starts the pipeline. Invalid bytes become U+FFFD.
func newText(s string) text {
	if utf8.ValidString(s) {
		return text{s: s, orig: s}
	}
	var b strings.Builder
	t := text{orig: s}
	for i := 0; i < len(s); {
		r, w := decodeRune(s[i:])
		b.WriteRune(r)
		for range utf8.RuneLen(r) {
			t.align = append(t.align, span{i, i + w})
		}
		i += w
	}
	t.s = b.String()
	return t
}

// slice is t restricted to bytes [i, j) of its present form.
func (t text) slice(i, j int) text {
	if t.align == nil {
		return text{s: t.s[i:j], orig: t.orig, base: t.base + i}
	}
	return text{s: t.s[i:j], orig: t.orig, base: t.start(), align: t.align[i:j]}
}

// start is where the original bytes of t begin.
func (t text) start() int {
	if len(t.align) > 0 {
		return t.align[0].start
	}
	return t.base
}

// origin is the range of original bytes behind bytes [i, j) of the present form.
func (t text) origin(i, j int) span {
	switch {
	case i >= j:
		return span{t.start() + i, t.start() + j}
	case j > len(t.s): // the bytes of a suffix that fell back; the original loses the place too
		return span{i, j}
	case t.align != nil:
		return span{t.align[i].start, t.align[j-1].end}
	}
	i, j = t.base+i, t.base+j
	for t.orig[i]&0xC0 == 0x80 && i > 0 {
		i--
	}
	for j < len(t.orig) && t.orig[j]&0xC0 == 0x80 {
		j++
	}
	return span{i, j}
}

// aligned is t with its alignment written out.
func (t text) aligned() []span {
	if t.align != nil {
		return t.align
	}
	out := make([]span, 0, len(t.s))
	for i := 0; i < len(t.s); {
		_, w := utf8.DecodeRuneInString(t.s[i:])
		for range w {
			out = append(out, span{t.base + i, t.base + i + w})
		}
		i += w
	}
	return out
}

// change is one character of a transformed text. d = 0 replaces the next
// character of the old text, d > 0 inserts after it, and d < 0 replaces the
// next one and removes −d more.
type change struct {
	r rune
	d int
}

// fits throws an error when normalizers make far more of the original than those of
// any tokenizer do: n bytes or characters.
func (t text) fits(n int) {
	if most := 1<<14 + 64*len(t.orig); n > most {
		panic(thrown{fmt.Errorf("tokenizer: the normalizers make more than %d bytes of a text of %d", most, len(t.orig))})
	}
}

// transform rewrites the whole of t. Inserted characters share the origin of
// the byte before them.
func (t text) transform(cs []change) text {
	t.fits(len(cs))
	old, pos := t.aligned(), 0
	var b strings.Builder
	b.Grow(len(t.s))
	out := make([]span, 0, len(t.s))
	next := func() {
		_, w := utf8.DecodeRuneInString(t.s[pos:])
		pos += w
	}
	for _, c := range cs {
		at := span{t.start(), t.start()}
		switch {
		case c.d > 0 && pos > 0:
			at = old[pos-1]
		case c.d <= 0 && pos < len(old):
			at = old[pos]
		}
		for k := c.d; k <= 0; k++ {
			next()
		}
		b.WriteRune(c.r)
		for range utf8.RuneLen(c.r) {
			out = append(out, at)
		}
	}
	return text{s: b.String(), orig: t.orig, base: t.start(), align: out}
}

// replace puts content in place of each of the matches; it takes the origin of
// a match's last byte.
func (t text) replace(matches [][2]int, content string) text {
	if len(matches) == 0 {
		return t
	}
	n := len(t.s)
	for _, m := range matches {
		n += len(content) - (m[1] - m[0])
	}
	t.fits(n)
	old, last := t.aligned(), 0
	var b strings.Builder
	b.Grow(n)
	out := make([]span, 0, n)
	for _, m := range matches {
		b.WriteString(t.s[last:m[0]])
		out = append(out, old[last:m[0]]...)
		at := span{t.start(), t.start()}
		if m[1] > 0 {
			at = old[m[1]-1]
		}
		b.WriteString(content)
		for range len(content) {
			out = append(out, at)
		}
		last = m[1]
	}
	b.WriteString(t.s[last:])
	out = append(out, old[last:]...)
	return text{s: b.String(), orig: t.orig, base: t.start(), align: out}
}

// prepend puts p before a text that is not empty, with the origin of its first
// character.
func (t text) prepend(p string) text {
	if t.s == "" || p == "" {
		return t
	}
	old := t.aligned()
	out := make([]span, 0, len(p)+len(old))
	for range len(p) {
		out = append(out, old[0])
	}
	return text{s: p + t.s, orig: t.orig, base: t.start(), align: append(out, old...)}
}
