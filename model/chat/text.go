package chat

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// text is a string that knows which of its bytes came from which message.
type text struct {
	s      string
	parts  []part // ascending, not overlapping, not empty
	markup bool   // made by safe: what is added to it is escaped
}

// part is bytes [start, end) of a text that came from an origin.
type part struct{ start, end, origin int }

// plainText is a text from nowhere.
func plainText(s string) text { return text{s: s} }

// slice is bytes [i, j).
func (t text) slice(i, j int) text {
	out := text{s: t.s[i:j], markup: t.markup}
	first := sort.Search(len(t.parts), func(k int) bool { return t.parts[k].end > i })
	for _, p := range t.parts[first:] {
		if p.start >= j {
			break
		}
		if a, b := max(p.start, i), min(p.end, j); a < b {
			out.parts = append(out.parts, part{a - i, b - i, p.origin})
		}
	}
	return out
}

// maxText is how many bytes a text may have, and maxTexts how many pieces one may
// be taken apart into.
const (
	maxText  = 1 << 28
	maxTexts = maxSteps
)

// bounded stops the rendering when there is more than most of something.
func bounded(n, most int) {
	if n > most {
		panic(errTooMuch)
	}
}

// join puts texts together with sep between them.
func join(ts []text, sep text) text {
	size := 0
	for _, t := range ts {
		size += len(t.s) + len(sep.s)
		bounded(size, maxText)
	}
	var b strings.Builder
	b.Grow(size)
	var parts []part
	add := func(t text) {
		for _, p := range t.parts {
			at := part{p.start + b.Len(), p.end + b.Len(), p.origin}
			if n := len(parts); n > 0 && parts[n-1].end == at.start && parts[n-1].origin == at.origin {
				parts[n-1].end = at.end
			} else {
				parts = append(parts, at)
			}
		}
		b.WriteString(t.s)
	}
	for i, t := range ts {
		if i > 0 {
			add(sep)
		}
		add(t)
	}
	return text{s: b.String(), parts: parts}
}

// escaped is t with the characters escaped that mean something in HTML.
func (t text) escaped() text { return t.mapped(htmlEscapes.Replace) }

var htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", "\"", "&#34;")

// plus is t + o: with markup, the other one is escaped.
func (t text) plus(o text) text {
	switch {
	case t.markup && !o.markup:
		o = o.escaped()
	case o.markup && !t.markup:
		t = t.escaped()
	}
	out := join([]text{t, o}, text{})
	out.markup = t.markup || o.markup
	return out
}

// trim cuts characters that the functions say yes to off the ends; nil: none.
func (t text) trim(left, right func(rune) bool) text {
	i, j := 0, len(t.s)
	if left != nil {
		i = j - len(strings.TrimLeftFunc(t.s, left))
	}
	if right != nil {
		j = i + len(strings.TrimRightFunc(t.s[i:], right))
	}
	return t.slice(i, j)
}

// split cuts at every sep, at most n times (n < 0: everywhere), from the right
// when fromRight is set. sep is not empty.
func (t text) split(sep string, n int, fromRight bool) []text {
	var cuts []int
	for i, j := 0, len(t.s); n < 0 || len(cuts) < n; {
		var at int
		if fromRight {
			if at = strings.LastIndex(t.s[:j], sep); at < 0 {
				break
			}
			j = at
		} else {
			if at = strings.Index(t.s[i:], sep); at < 0 {
				break
			}
			at += i
			i = at + len(sep)
		}
		cuts = append(cuts, at)
		bounded(len(cuts), maxTexts)
	}
	slices.Sort(cuts)
	out := make([]text, 0, len(cuts)+1)
	from := 0
	for _, at := range cuts {
		out, from = append(out, t.slice(from, at)), at+len(sep)
	}
	return append(out, t.slice(from, len(t.s)))
}

// fields splits at white space, at most n times (n < 0: everywhere).
func (t text) fields(n int) (out []text) {
	for i := 0; ; {
		i += len(t.s[i:]) - len(strings.TrimLeftFunc(t.s[i:], isSpace))
		if i == len(t.s) {
			return out
		}
		at := strings.IndexFunc(t.s[i:], isSpace)
		if at < 0 || n >= 0 && len(out) == n {
			return append(out, t.slice(i, len(t.s)).trim(nil, isSpace))
		}
		out = append(out, t.slice(i, i+at))
		bounded(len(out), maxTexts)
		i += at
	}
}

// replace puts with in place of old, at most n times (n < 0: everywhere). What
// it puts in keeps its own origin; where it is from nowhere and stands inside of
// one message's text it belongs to that message.
func (t text) replace(old string, with text, n int) text {
	if old == "" {
		return t.interleave(with, n)
	}
	ps := t.split(old, n, false)
	if len(ps) == 1 {
		return t
	}
	out, at := ps[:1:1], len(ps[0].s)
	for _, p := range ps[1:] {
		out = append(out, t.lend(with, at, at+len(old)), p)
		at += len(old) + len(p.s)
	}
	return join(out, text{})
}

// lend is s with the origin of bytes [i, j) when it has none and they have one.
func (t text) lend(s text, i, j int) text {
	if len(s.parts) > 0 || s.s == "" {
		return s
	}
	at := sort.Search(len(t.parts), func(k int) bool { return t.parts[k].end >= j })
	if at < len(t.parts) && t.parts[at].start <= i && i < j {
		return text{s: s.s, parts: []part{{0, len(s.s), t.parts[at].origin}}}
	}
	return s
}

// interleave is replace("", with): before every character and at the end.
func (t text) interleave(with text, n int) text {
	var out []text
	i := 0
	for ; i < len(t.s) && n != 0; n-- {
		bounded(len(out), maxTexts)
		_, w := utf8.DecodeRuneInString(t.s[i:])
		out = append(out, with, t.slice(i, i+w))
		i += w
	}
	out = append(out, t.slice(i, len(t.s)))
	if n != 0 {
		out = append(out, with)
	}
	return join(out, text{})
}

// mapped applies f to the stretches of one origin each.
func (t text) mapped(f func(string) string) text {
	if len(t.parts) == 0 {
		return text{s: f(t.s), markup: t.markup}
	}
	var out []text
	from := 0
	for _, p := range t.parts {
		if from < p.start {
			out = append(out, plainText(f(t.s[from:p.start])))
		}
		s := f(t.s[p.start:p.end])
		x := text{s: s}
		if s != "" {
			x.parts = []part{{0, len(s), p.origin}}
		}
		out, from = append(out, x), p.end
	}
	whole := join(append(out, plainText(f(t.s[from:]))), text{})
	whole.markup = t.markup
	return whole
}

// runes are the characters.
func (t text) runes() []text {
	n := utf8.RuneCountInString(t.s)
	bounded(n, maxTexts)
	out := make([]text, 0, n)
	for i := 0; i < len(t.s); {
		_, w := utf8.DecodeRuneInString(t.s[i:])
		out, i = append(out, t.slice(i, i+w)), i+w
	}
	return out
}

// offset is the byte where character k begins, the length where there is none.
func (t text) offset(k int) int {
	for i := range t.s {
		if k == 0 {
			return i
		}
		k--
	}
	return len(t.s)
}

func (t text) len() int { return utf8.RuneCountInString(t.s) }

// marks encode where texts came from inside of the strings that the template
// library carries: an origin k is enclosed in the characters base+2k and
// base+2k+1, which occur nowhere else. Of n origins, base+2n and base+2n+1
// enclose generation blocks, and base+2n+2 begins markup.
type marks struct {
	base rune
	n    int // origins
}

// newMarks finds 2n+3 consecutive private-use characters that no string has.
func newMarks(n int, strs ...string) (marks, bool) {
	const first, last = 0xF0000, 0x10FFFD
	taken := []rune{}
	for _, s := range strs {
		if strings.IndexByte(s, 0xF3) < 0 && strings.IndexByte(s, 0xF4) < 0 {
			continue
		}
		for _, r := range s {
			if r >= first {
				taken = append(taken, r)
			}
		}
	}
	slices.Sort(taken)
	base := rune(first)
	for _, r := range taken {
		if r >= base+rune(2*n+3) {
			break
		}
		base = r + 1
	}
	return marks{base, n}, base+rune(2*n+3) <= last
}

// encode is the string that carries t.
func (m marks) encode(t text) string {
	if len(t.parts) == 0 && !t.markup {
		return t.s
	}
	var b strings.Builder
	from := 0
	if t.markup {
		b.WriteRune(m.base + rune(2*m.n+2))
	}
	for _, p := range t.parts {
		b.WriteString(t.s[from:p.start])
		b.WriteRune(m.base + rune(2*p.origin))
		b.WriteString(t.s[p.start:p.end])
		b.WriteRune(m.base + rune(2*p.origin+1))
		from = p.end
	}
	b.WriteString(t.s[from:])
	return b.String()
}

// decode reads a string that carries a text.
func (m marks) decode(s string) text {
	if strings.IndexByte(s, 0xF3) < 0 && strings.IndexByte(s, 0xF4) < 0 {
		return text{s: s}
	}
	var b strings.Builder
	var parts []part
	from, start, markup := 0, 0, false
	for i, r := range s {
		k := int(r - m.base)
		if i == 0 && k == 2*m.n+2 {
			markup, from = true, utf8.RuneLen(r)
			continue
		}
		if k < 0 || k >= 2*m.n {
			continue
		}
		b.WriteString(s[from:i])
		from = i + utf8.RuneLen(r)
		if k%2 == 0 {
			start = b.Len()
		} else if b.Len() > start {
			parts = append(parts, part{start, b.Len(), k / 2})
		}
	}
	b.WriteString(s[from:])
	return text{b.String(), parts, markup}
}
