package chat

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// piece is a stretch of a template: literal text, or the inside of a tag
// {{ … }} or {% … %} without its marks for white space.
type piece struct {
	text string
	kind byte // 0, '{' or '%'
	line int
}

// lexer splits a template as Jinja does with trim_blocks and lstrip_blocks set
// (jinja2/lexer.py), so that the template library has no white space to trim:
// its own trimming reaches across tags that touch.
type lexer struct {
	source    string
	pos       int
	lineStart bool // what came before pos ended a line
	out       []piece
}

var (
	rawTag   = regexp.MustCompile(`^\{%[-+]?\s*raw\s*(-%\}\s*|%\})`)
	endRaw   = regexp.MustCompile(`\{%([-+]?)\s*endraw\s*`)
	newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")
)

// maxParts is how many pieces and words in tags a template may have together, a
// few times as many as the longest known: each takes some hundred bytes of memory.
const maxParts = 20_000

func tooMany(line int) error {
	return fmt.Errorf("template, line %d: found more than %d texts, tags and words in tags, expected some thousand at most", line, maxParts)
}

// split lists the pieces of a template. Its newlines are made \n, and one at
// the end is dropped.
func split(source string) ([]piece, error) {
	l := &lexer{source: strings.TrimSuffix(newlines.Replace(source), "\n"), lineStart: true}
	for l.pos < len(l.source) {
		if err := l.next(); err != nil {
			return nil, err
		}
		if len(l.out) > maxParts {
			return nil, tooMany(l.out[maxParts].line)
		}
	}
	return l.out, nil
}

func (l *lexer) line(at int) int { return 1 + strings.Count(l.source[:at], "\n") }

// next reads up to the next tag and the tag.
func (l *lexer) next() error {
	start := nextTag(l.source, l.pos)
	if start == len(l.source) {
		l.emit(l.source[l.pos:], 0, l.pos)
		l.pos = start
		return nil
	}
	if m := rawTag.FindString(l.source[start:]); m != "" {
		return l.raw(start, start+len(m))
	}
	kind, body := l.source[start+1], start+2
	l.textBefore(start, kind)
	if body < len(l.source) && (l.source[body] == '-' || l.source[body] == '+') {
		body++
	}
	end := tagEnd(l.source, body, kind)
	if end < 0 {
		return fmt.Errorf("template, line %d: found %q without an end", l.line(start), l.source[start:start+2])
	}
	inside := l.source[body:end]
	l.pos = end + 2
	if n := len(inside); n > 0 && (inside[n-1] == '-' || inside[n-1] == '+' && kind != '{') {
		l.after(inside[n-1], kind)
		inside = inside[:n-1]
	} else {
		l.after(0, kind)
	}
	if kind != '#' {
		l.emit(inside, kind, start)
	}
	return nil
}

// raw emits what stands between raw and endraw as text.
func (l *lexer) raw(start, body int) error {
	l.textBefore(start, '%')
	at := endRaw.FindStringSubmatchIndex(l.source[body:])
	if at == nil {
		return fmt.Errorf("template, line %d: found raw without endraw", l.line(start))
	}
	l.pos, l.lineStart = body, l.source[body-1] == '\n'
	l.textBefore(body+at[0], '%')
	l.pos = body + at[1]
	sign := byte(0)
	if l.pos < len(l.source) && (l.source[l.pos] == '-' || l.source[l.pos] == '+') {
		sign = l.source[l.pos]
		l.pos++
	}
	if !strings.HasPrefix(l.source[l.pos:], "%}") {
		return fmt.Errorf("template, line %d: found endraw without an end", l.line(l.pos))
	}
	l.pos += 2
	l.after(sign, '%')
	return nil
}

// textBefore emits the text up to the tag at byte start. A minus sign strips
// all white space before the tag; else white space alone between a block or
// comment and the start of its line goes, unless a plus sign keeps it.
func (l *lexer) textBefore(start int, kind byte) {
	text := l.source[l.pos:start]
	sign := byte(0)
	if start+2 < len(l.source) {
		sign = l.source[start+2]
	}
	switch {
	case sign == '-':
		text = strings.TrimRightFunc(text, isSpace)
	case sign != '+' && kind != '{':
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || l.lineStart) && strings.TrimFunc(text[line:], isSpace) == "" {
			text = text[:line]
		}
	}
	l.emit(text, 0, l.pos)
}

// after skips white space behind a tag: all with a minus sign, one line feed
// behind a block or comment without a sign.
func (l *lexer) after(sign, kind byte) {
	rest := l.source[l.pos:]
	switch {
	case sign == '-':
		l.pos += len(rest) - len(strings.TrimLeftFunc(rest, isSpace))
	case sign == 0 && kind != '{' && strings.HasPrefix(rest, "\n"):
		l.pos++
	}
	l.lineStart = l.source[l.pos-1] == '\n'
}

func (l *lexer) emit(text string, kind byte, at int) {
	if text != "" || kind != 0 {
		l.out = append(l.out, piece{text, kind, l.line(at)})
	}
}

// isSpace is Python's str.isspace.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1C && r <= 0x1F }

// nextTag is where the next tag begins, or the end of the source.
func nextTag(source string, from int) int {
	for i := from; i+1 < len(source); i++ {
		if source[i] == '{' && strings.IndexByte("{%#", source[i+1]) >= 0 {
			return i
		}
	}
	return len(source)
}

// tagEnd is where the mark that closes a tag begins, or −1. Strings may hold
// what would close it, and braces may nest.
func tagEnd(source string, i int, kind byte) int {
	closing := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[kind]
	if kind == '#' {
		if n := strings.Index(source[i:], closing); n >= 0 {
			return i + n
		}
		return -1
	}
	for braces := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '\'' || c == '"':
			i = quoted(source, i) - 1
		case braces == 0 && strings.HasPrefix(source[i:], closing):
			return i
		case c == '{':
			braces++
		case c == '}' && braces > 0:
			braces--
		}
	}
	return -1
}

// quoted is the end of the string literal that begins at byte i.
func quoted(source string, i int) int {
	q := source[i]
	for i++; i < len(source) && source[i] != q; i++ {
		if source[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(source))
}
