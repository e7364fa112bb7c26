package chat

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	toJSONName = "hf_tojson"
	traceName  = "agar_trace"
)

var toJSONUse = regexp.MustCompile(`^\|\s*tojson\b`)

// prepare writes pieces for the template library: text becomes string
// expressions, since nothing is trimmed off those; transformers' tojson stands
// in for the built-in one, which sorts keys and escapes HTML; string literals
// keep the escapes that the library knows. Lines stay where they are. With
// trace, a call that records the line stands before every tag; the text that
// is rendered then is not used.
func prepare(pieces []piece, trace bool) string {
	var b strings.Builder
	line := 1
	for _, p := range pieces {
		if p.line > line { // keep line numbers in the library's messages
			b.WriteString("{#" + strings.Repeat("\n", p.line-line) + "#}")
		}
		line = p.line
		if p.kind == 0 {
			b.WriteString("{{ " + literal(p.text) + " }}")
			continue
		}
		if trace {
			fmt.Fprintf(&b, "{{ %s(%d) }}", traceName, p.line)
		}
		inside := rewrite(p.text)
		line += strings.Count(inside, "\n")
		if p.kind == '%' {
			b.WriteString("{% " + inside + " %}")
		} else {
			b.WriteString("{{ " + inside + " }}")
		}
	}
	return b.String()
}

// rewrite rewrites the inside of a tag.
func rewrite(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case s[i] == '\'' || s[i] == '"':
			end := quoted(s, i)
			b.WriteString(literal(unescape(s[i+1 : max(i+1, end-1)])))
			i = end
		case s[i] == '|' && toJSONUse.MatchString(s[i:]):
			b.WriteString("|" + toJSONName)
			i += len(toJSONUse.FindString(s[i:]))
		case strings.HasPrefix(s[i:], "}}"):
			b.WriteString("} ")
			i++
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}

// literal is s as a string literal on one line.
func literal(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'", "\n", "\\n", "\t", "\\t").Replace(s) + "'"
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
