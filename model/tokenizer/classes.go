package tokenizer

import (
	"slices"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// Classes of characters as Hugging Face's library has them. Its parts follow
// different versions of Unicode (regular expressions and Rust itself 16 and
// 17, punctuation 8, normalization 9), so a class is some of Go's tables and
// what differs from them, which unicode_tables.go lists.

// runeRange is the characters from lo to hi.
type runeRange struct{ lo, hi rune }

// delta is what a class has more and fewer than Go's tables.
type delta struct{ more, fewer []runeRange }

// props is a set of classes.
type props uint32

const (
	propL           props = 1 << iota // \p{L} and so on: regular expressions
	propN                             //
	propLu                            //
	propLt                            //
	propLm                            //
	propLo                            //
	propLl                            //
	propM                             //
	propP                             //
	propS                             //
	propHan                           //
	propWord                          // \w of regular expressions in a file
	propSpace                         // white space everywhere
	propNumeric                       // Rust's char::is_numeric
	propRustWord                      // \w of the pre-tokenizer Whitespace and of single_word
	propPunctuation                   // what Punctuation and BERT split at
	propMark                          // what StripAccents drops
	propOther                         // what BERT's clean-up drops
	propNonspacing                    // what BERT's strip_accents drops
)

// classTable is a class by the name that its delta has.
type classTable struct {
	name string
	prop props
	go15 []*unicode.RangeTable
}

// tables are the classes.
var tables = []classTable{
	{"L", propL, []*unicode.RangeTable{unicode.L}},
	{"N", propN, []*unicode.RangeTable{unicode.N}},
	{"Lu", propLu, []*unicode.RangeTable{unicode.Lu}},
	{"Lt", propLt, []*unicode.RangeTable{unicode.Lt}},
	{"Lm", propLm, []*unicode.RangeTable{unicode.Lm}},
	{"Lo", propLo, []*unicode.RangeTable{unicode.Lo}},
	{"Ll", propLl, []*unicode.RangeTable{unicode.Ll}},
	{"M", propM, []*unicode.RangeTable{unicode.M}},
	{"P", propP, []*unicode.RangeTable{unicode.P}},
	{"S", propS, []*unicode.RangeTable{unicode.S}},
	{"Han", propHan, []*unicode.RangeTable{unicode.Han}},
	{"word", propWord, []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.Pc}},
	{"space", propSpace, []*unicode.RangeTable{unicode.White_Space}},
	{"numeric", propNumeric, []*unicode.RangeTable{unicode.N}},
	{"rustWord", propRustWord, []*unicode.RangeTable{unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control}},
	{"punctuation", propPunctuation, []*unicode.RangeTable{unicode.P, asciiPunctuation}},
	{"mark", propMark, []*unicode.RangeTable{unicode.M}},
	{"other", propOther, []*unicode.RangeTable{unicode.C}},
	{"nonspacing", propNonspacing, []*unicode.RangeTable{unicode.Mn}},
}

var asciiPunctuation = &unicode.RangeTable{R16: []unicode.Range16{{'!', '/', 1}, {':', '@', 1}, {'[', '`', 1}, {'{', '~', 1}}, LatinOffset: 4}

// page is the classes of 256 characters that follow each other.
type page [256]props

// pages are filled when a character of theirs is first met.
var pages [(unicode.MaxRune + 1) >> 8]atomic.Pointer[page]

// propsOf is the classes of r, which may be no character at all.
func propsOf(r rune) props {
	if r < 0 || r > unicode.MaxRune {
		r = utf8.RuneError
	}
	p := pages[r>>8].Load()
	if p == nil {
		p = fillPage(r &^ 0xFF)
	}
	return p[r&0xFF]
}

func fillPage(first rune) *page {
	p := new(page)
	for i := range p {
		for _, t := range tables {
			if inClass(t.name, first+rune(i), t.go15) {
				p[i] |= t.prop
			}
		}
	}
	pages[first>>8].Store(p)
	return p
}

// inClass says whether r is in a class: in Go's tables but for the deltas.
func inClass(name string, r rune, in []*unicode.RangeTable) bool {
	d := deltas[name]
	if unicode.In(r, in...) {
		return !inRanges(d.fewer, r)
	}
	return inRanges(d.more, r)
}

// inRanges searches ascending ranges.
func inRanges(rs []runeRange, r rune) bool {
	_, ok := slices.BinarySearchFunc(rs, r, func(x runeRange, r rune) int {
		switch {
		case x.hi < r:
			return -1
		case x.lo > r:
			return 1
		}
		return 0
	})
	return ok
}

// rangesOf is the characters of a class in ascending ranges that do not touch.
func rangesOf(class props) []runeRange {
	i := slices.IndexFunc(tables, func(t classTable) bool { return t.prop == class })
	var in []runeRange
	for _, t := range tables[i].go15 {
		for _, r := range t.R16 {
			in = appendStrides(in, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			in = appendStrides(in, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	d := deltas[tables[i].name]
	return joined(append(without(joined(in), d.fewer), d.more...))
}

// appendStrides adds every stride-th character from lo to hi.
func appendStrides(to []runeRange, lo, hi, stride rune) []runeRange {
	if stride == 1 {
		return append(to, runeRange{lo, hi})
	}
	for r := lo; r <= hi; r += stride {
		to = append(to, runeRange{r, r})
	}
	return to
}

// joined sorts ranges and makes one of those that touch or overlap.
func joined(rs []runeRange) (out []runeRange) {
	slices.SortFunc(rs, func(a, b runeRange) int { return int(a.lo - b.lo) })
	for _, r := range rs {
		if n := len(out); n > 0 && r.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, r.hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// without takes the ascending ranges cut out of rs.
func without(rs, cut []runeRange) (out []runeRange) {
	for _, r := range rs {
		for _, c := range cut {
			if c.hi < r.lo || c.lo > r.hi {
				continue
			}
			if c.lo > r.lo {
				out = append(out, runeRange{r.lo, c.lo - 1})
			}
			r.lo = c.hi + 1
		}
		if r.lo <= r.hi {
			out = append(out, r)
		}
	}
	return out
}

func isNumber(r rune) bool      { return propsOf(r)&propNumeric != 0 }
func isSpace(r rune) bool       { return propsOf(r)&propSpace != 0 }
func isMark(r rune) bool        { return propsOf(r)&propMark != 0 }
func isOther(r rune) bool       { return propsOf(r)&propOther != 0 }
func isNonspacing(r rune) bool  { return propsOf(r)&propNonspacing != 0 }
func isWord(r rune) bool        { return propsOf(r)&propRustWord != 0 }
func isPunctuation(r rune) bool { return propsOf(r)&propPunctuation != 0 }

// toLower is Rust's lower case of r where that is one character.
func toLower(r rune) rune {
	if l, ok := lowerDeltas[r]; ok {
		return l
	}
	return unicode.ToLower(r)
}
