package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteRune maps a byte to the printable character that stands for it in a
// byte-level vocabulary (GPT-2's bytes_to_unicode): printable Latin-1 stands
// for itself, the other 68 bytes are U+0100 and up in order.
func byteRune(b byte) rune { return byteRunes[b] }

var byteRunes, runeBytes = byteLevelTables()

func byteLevelTables() (fwd [256]rune, back [324]int16) {
	for i := range back {
		back[i] = -1
	}
	n := rune(256)
	for b := range 256 {
		fwd[b] = rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE) {
			fwd[b] = n
			n++
		}
		back[fwd[b]] = int16(b)
	}
	return
}

// runeByte undoes byteRune.
func runeByte(r rune) (byte, bool) {
	if r < 0 || int(r) >= len(runeBytes) || runeBytes[r] < 0 {
		return 0, false
	}
	return byte(runeBytes[r]), true
}

// toByteLevel is s with every byte replaced by its character.
func toByteLevel(s string) string {
	var b strings.Builder
	b.Grow(2 * len(s))
	for i := range len(s) {
		b.WriteRune(byteRune(s[i]))
	}
	return b.String()
}

// fromByteLevel undoes toByteLevel; ok is false when a character stands for no
// byte.
func fromByteLevel(s string) (raw []byte, ok bool) {
	raw = make([]byte, 0, len(s))
	for _, r := range s {
		c, ok := runeByte(r)
		if !ok {
			return nil, false
		}
		raw = append(raw, c)
	}
	return raw, true
}

// byteLevel rewrites t in the byte-level alphabet, a character a byte.
func (t text) byteLevel() text {
	t.fits(2 * len(t.s))
	old := t.aligned()
	out := make([]span, 0, 2*len(old))
	for i := range len(t.s) {
		for range utf8.RuneLen(byteRune(t.s[i])) {
			out = append(out, old[i])
		}
	}
	return text{s: toByteLevel(t.s), orig: t.orig, base: t.start(), align: out}
}

// decodeRune reads one character; a maximal invalid subsequence counts as one
// U+FFFD of that many bytes.
func decodeRune(s string) (r rune, width int) {
	r, w := utf8.DecodeRuneInString(s)
	if r != utf8.RuneError || w > 1 {
		return r, w
	}
	return utf8.RuneError, invalidLen(s)
}

// invalidLen is the length of the maximal subpart of an ill-formed sequence at
// the start of s (Unicode 15, table 3-7).
func invalidLen(s string) int {
	need, lo, hi := 0, byte(0x80), byte(0xBF)
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		if c == 0xE0 {
			lo = 0xA0
		}
		if c == 0xED {
			hi = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		if c == 0xF0 {
			lo = 0x90
		}
		if c == 0xF4 {
			hi = 0x8F
		}
	}
	n := 1
	for ; n <= need && n < len(s) && s[n] >= lo && s[n] <= hi; n++ {
		lo, hi = 0x80, 0xBF
	}
	return n
}

// lossy is b as text, with U+FFFD for every maximal invalid subsequence.
func lossy(b []byte) string {
	s := string(b)
	if utf8.ValidString(s) {
		return s
	}
	return newText(s).s
}
