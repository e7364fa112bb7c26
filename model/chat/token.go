package chat

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// token is one word of the inside of a tag.
type token struct {
	kind tokenKind
	text string // a name, an operator, or a string literal with its escapes read
	line int
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokInt
	tokFloat
	tokString
	tokOp
)

func (t token) is(kind tokenKind, text string) bool { return t.kind == kind && t.text == text }

// String is how errors speak of a token.
func (t token) String() string {
	if t.kind == tokEnd {
		return "the end of the tag"
	}
	return strconv.Quote(t.text)
}

// operators of Jinja, longest first.
var operators = []string{"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|"}

// tokens splits the inside of a tag that begins at a line.
func tokens(s string, line int) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		t := token{line: line}
		n := 0
		switch c := s[i]; {
		case isSpace(rune(c)) && c < 0x80:
			line += strings.Count(s[i:i+1], "\n")
			i++
			continue
		case c == '\'' || c == '"':
			n = quoted(s, i) - i
			if n < 2 || s[i+n-1] != c {
				return nil, fmt.Errorf("template, line %d: found a string without an end", line)
			}
			t.kind, t.text = tokString, unescape(s[i+1:i+n-1])
		case isDigit(c):
			t.kind, n = number(s[i:])
			t.text = strings.ReplaceAll(s[i:i+n], "_", "")
		case isLetter(c):
			for n = 1; i+n < len(s) && (isLetter(s[i+n]) || isDigit(s[i+n])); n++ {
			}
			t.kind, t.text = tokName, s[i:i+n]
		default:
			t.kind, t.text = tokOp, operator(s[i:])
			n = len(t.text)
		}
		if n == 0 {
			r, _ := utf8.DecodeRuneInString(s[i:])
			return nil, fmt.Errorf("template, line %d: found %q, expected an expression", line, r)
		}
		line += strings.Count(s[i:i+n], "\n")
		out, i = append(out, t), i+n
	}
	return append(out, token{line: line}), nil
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func operator(s string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// number is the kind and length of the number at the start of s.
func number(s string) (tokenKind, int) {
	digits := func(i int) int {
		for i < len(s) && (isDigit(s[i]) || s[i] == '_' && i+1 < len(s) && isDigit(s[i+1])) {
			i++
		}
		return i
	}
	n, kind := digits(0), tokInt
	if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
		n, kind = digits(n+1), tokFloat
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		at := n + 1
		if at < len(s) && (s[at] == '+' || s[at] == '-') {
			at++
		}
		if at < len(s) && isDigit(s[at]) {
			n, kind = digits(at), tokFloat
		}
	}
	return kind, n
}

// simple are the escapes of one letter in Python.
var simple = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\\': "\\", '\'': "'", '"': "\"", '\n': ""}

// unescape reads the inside of a Python string literal. An escape that Python
// does not know stays as it is.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if r, ok := simple[s[i]]; ok {
			b.WriteString(r)
			continue
		}
		n, r := numeric(s[i:])
		if n == 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		b.WriteRune(r)
		i += n - 1
	}
	return b.String()
}

// numeric reads xHH, uHHHH, UHHHHHHHH or up to three octal digits at the start
// of s; n is 0 when there is none.
func numeric(s string) (n int, r rune) {
	digits, base, skip := 0, 16, 1
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		base, skip = 8, 0
		for digits < min(3, len(s)) && s[digits] >= '0' && s[digits] <= '7' {
			digits++
		}
	}
	if digits == 0 || len(s) < skip+digits {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[skip:skip+digits], base, 32)
	if err != nil || v > utf8.MaxRune {
		return 0, 0
	}
	return skip + digits, rune(v)
}
