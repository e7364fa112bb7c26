package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer splits a piece of text and hands the parts on in order. A
// Sequence is a slice of them; pieces go through it one after another, since
// no splitter looks at its neighbours.
type preTokenizer interface {
	split(t text, next func(text))
}

// splitter is Split, Whitespace, WhitespaceSplit, Digits and Punctuation: a way
// to find matches and what becomes of them.
type splitter struct {
	find     func(s string) [][2]int
	behavior behavior
	invert   bool
}

func (p *splitter) split(t text, next func(text)) {
	for _, q := range p.behavior.apply(cover(t.s, p.find(t.s), p.invert)) {
		if q.end > q.start {
			next(t.slice(q.start, q.end))
		}
	}
}

// tiler is a split by a scanner, with nothing removed or joined.
type tiler struct{ scan scanner }

func (p tiler) split(t text, next func(text)) {
	for i := 0; i < len(t.s); {
		j := p.scan(t.s, i)
		next(t.slice(i, j))
		i = j
	}
}

// eachRune finds the characters that f accepts, one by one.
func eachRune(f func(rune) bool) func(string) [][2]int {
	return func(s string) (out [][2]int) {
		for i, r := range s {
			if f(r) {
				out = append(out, [2]int{i, i + utf8.RuneLen(r)})
			}
		}
		return out
	}
}

// words is the pattern \w+|[^\w\s]+ of the Whitespace pre-tokenizer.
func words(s string) (out [][2]int) {
	kind := func(r rune) int {
		switch {
		case isWord(r):
			return 1
		case unicode.IsSpace(r):
			return 0
		}
		return 2
	}
	last := 0
	for i, r := range s {
		k := kind(r)
		if k != 0 && k == last {
			out[len(out)-1][1] = i + utf8.RuneLen(r)
		} else if k != 0 {
			out = append(out, [2]int{i, i + utf8.RuneLen(r)})
		}
		last = k
	}
	return out
}

// bertPreTokenizer drops white space and splits at punctuation.
type bertPreTokenizer struct{}

func (bertPreTokenizer) split(t text, next func(text)) {
	start := 0
	cut := func(end int) {
		if start < end {
			next(t.slice(start, end))
		}
	}
	for i, r := range t.s {
		space := isSpace(r)
		if !space && !isPunctuation(r) {
			continue
		}
		cut(i)
		start = i + utf8.RuneLen(r)
		if !space {
			next(t.slice(i, start))
		}
	}
	cut(len(t.s))
}

// metaspace puts a mark in place of spaces and splits before marks.
type metaspace struct {
	mark   string
	scheme string // always, first, never
	cut    bool
}

func (p *metaspace) split(t text, next func(text)) {
	t = t.replace((&pattern{literal: " "}).find(t.s), p.mark)
	first := p.scheme == "always" || p.scheme == "first" && t.start() == 0
	if first && !strings.HasPrefix(t.s, p.mark) {
		t = t.prepend(p.mark)
	}
	if !p.cut {
		next(t)
		return
	}
	marks := (&pattern{literal: p.mark}).find(t.s)
	for _, q := range mergedWithNext.apply(cover(t.s, marks, false)) {
		next(t.slice(q.start, q.end))
	}
}

// byteLevel is the ByteLevel pre-tokenizer. As the last one before a BPE model
// it leaves the mapping of words whose bytes all have a token to the model,
// which then works on bytes; ids and offsets are the same.
type byteLevel struct {
	prefixSpace bool
	regex       bool
	known       *[256]bool // bytes that have a token; nil: map every word
}

func (p *byteLevel) split(t text, next func(text)) {
	if p.prefixSpace && !strings.HasPrefix(t.s, " ") {
		t = t.prepend(" ")
	}
	if !p.regex {
		p.emit(t, next)
		return
	}
	for i := 0; i < len(t.s); {
		j := scanGPT2(t.s, i)
		p.emit(t.slice(i, j), next)
		i = j
	}
}

func (p *byteLevel) emit(t text, next func(text)) {
	if !p.knows(t.s) {
		next(t.byteLevel())
		return
	}
	t.raw = true
	next(t)
}

func (p *byteLevel) knows(s string) bool {
	if p.known == nil {
		return false
	}
	for i := range len(s) {
		if !p.known[s[i]] {
			return false
		}
	}
	return true
}
