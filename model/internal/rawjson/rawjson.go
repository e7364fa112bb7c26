package rawjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Values is how many members and elements JSON has: its commas and opening brackets
// outside of strings. What is no JSON has some count too.
func Values(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ',', '[', '{':
			n++
		case '"':
			i = closing(raw, i)
		}
	}
	return n
}

// closing is where the string ends that begins at i.
func closing(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

// plain are the characters that stand for others behind a backslash.
var plain = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// Unescape appends what the inside of a string means to dst, as encoding/json does:
// half of a surrogate pair is U+FFFD. ok is false when a backslash stands before
// none of "\/bfnrtu or at the end.
func Unescape(dst, raw []byte) (s []byte, ok bool) {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...), true
		}
		dst, raw = append(dst, raw[:i]...), raw[i:]
		if len(raw) < 2 {
			return dst, false
		}
		if c, ok := plain[raw[1]]; ok {
			dst, raw = append(dst, c), raw[2:]
			continue
		}
		r := codeUnit(raw)
		if r < 0 {
			return dst, false
		}
		raw = raw[6:]
		if utf16.IsSurrogate(r) {
			if r = utf16.DecodeRune(r, codeUnit(raw)); r != utf8.RuneError {
				raw = raw[6:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// codeUnit is what \uXXXX at the start of b means, −1 when there is no such thing.
func codeUnit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	r, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(r)
}
