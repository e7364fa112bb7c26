package tokenizer

import (
	"slices"
	"unicode/utf8"
)

// scriptStart is where a stretch of characters with one script begins. The
// script is a character that has it, −1 stands for characters that fit every
// script: spaces and those that are not assigned.
type scriptStart struct{ first, script rune }

// scriptOf is the script of r, kana counted as Han.
func scriptOf(r rune) rune {
	i, ok := slices.BinarySearchFunc(scriptStarts, r, func(s scriptStart, r rune) int { return int(s.first - r) })
	if !ok {
		i--
	}
	return scriptStarts[i].script
}

// scripts is the pre-tokenizer UnicodeScripts: it splits where the script
// changes. Characters of any script go with those before them; at the start of
// a text they are lost, as in the original.
type scripts struct{}

func (scripts) split(t text, next func(text)) {
	start, last := -1, rune(-1)
	for i, r := range t.s {
		s := scriptOf(r)
		if s < 0 || s == last {
			continue
		}
		if start >= 0 {
			next(t.slice(start, i))
		}
		start, last = i, s
	}
	if start >= 0 {
		next(t.slice(start, len(t.s)))
	}
}

// fixedLength splits into pieces of a number of characters.
type fixedLength int

func (n fixedLength) split(t text, next func(text)) {
	start, count := 0, 0
	for i, r := range t.s {
		if count++; count == int(n) {
			end := i + utf8.RuneLen(r)
			next(t.slice(start, end))
			start, count = end, 0
		}
	}
	if start < len(t.s) {
		next(t.slice(start, len(t.s)))
	}
}
