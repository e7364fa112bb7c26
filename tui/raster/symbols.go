package raster

import (
	"fmt"
	"strings"
)

// Symbols is the set of characters in use.
type Symbols uint8

// Symbol sets from finest to plainest.
const (
	Braille Symbols = iota
	Block
	ASCII
)

// String is the name that ParseSymbols takes.
func (s Symbols) String() string { return [...]string{"braille", "block", "ascii"}[s] }

// ParseSymbols reads a --symbols value. auto (or "") is ascii on the Linux
// console and on dumb terminals and where the locale is no UTF-8 one, else
// braille. why is the ground in a few words.
func ParseSymbols(flag, term, locale string) (s Symbols, why string, err error) {
	for _, s := range []Symbols{Braille, Block, ASCII} {
		if flag == s.String() {
			return s, "--symbols " + flag, nil
		}
	}
	if flag != "" && flag != "auto" {
		return 0, "", fmt.Errorf("tui: symbols: found %q, expected auto, braille, block or ascii", flag)
	}
	if term == "linux" || term == "dumb" {
		return ASCII, "TERM=" + term, nil
	}
	if l := strings.ToLower(locale); l == "c" || l == "posix" {
		return ASCII, "locale " + locale, nil
	}
	return Braille, "TERM=" + term, nil
}

// dots is the number of dots of a cell, across and down.
func (s Symbols) dots() (x, y int) {
	switch s {
	case Braille:
		return 2, 4
	case Block:
		return 2, 2
	}
	return 1, 2
}

// brailleBits are the bits of the Unicode braille patterns by column and row.
var brailleBits = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

// quarters are the quarter blocks by mask: 1 upper left, 2 upper right, 4 lower
// left, 8 lower right.
var quarters = [16]string{" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"}

// halves are the ASCII forms by mask: 1 upper, 2 lower.
var halves = [4]string{" ", "'", ".", ":"}

var braille = func() (t [256]string) {
	for i := range t {
		t[i] = string(rune(0x2800 + i))
	}
	return t
}()

// glyph is the character with the dots of mask, whose bit x + columns·y stands
// for column x, row y.
func (s Symbols) glyph(mask uint8) string {
	switch s {
	case Braille:
		var bits rune
		for i := range 8 {
			if mask&(1<<i) != 0 {
				bits |= brailleBits[i%2][i/2]
			}
		}
		return braille[bits]
	case Block:
		return quarters[mask&15]
	}
	return halves[mask&3]
}
