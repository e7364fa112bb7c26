package chat

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	toJSONName = "hf_tojson"
	traceName  = "agar_trace"
)

// tag is a {{ … }}, {% … %} or {# … #} at source[start:end].
type tag struct {
	start, end, line int
	kind             byte // '{', '%' or '#'
}

// findTags lists the tags of a template. Quoted strings may hold what would
// end a tag, and nothing inside {% raw %} is one.
func findTags(source string) (tags []tag, err error) {
	line := 1
	for i := 0; i+1 < len(source); i++ {
		if source[i] == '\n' {
			line++
		}
		k := source[i+1]
		if source[i] != '{' || k != '{' && k != '%' && k != '#' {
			continue
		}
		end := tagEnd(source, i+2, k)
		if end < 0 {
			return nil, fmt.Errorf("template, line %d: found %q without an end", line, source[i:i+2])
		}
		tags = append(tags, tag{i, end, line, k})
		line += strings.Count(source[i:end], "\n")
		i = end - 1
		if k == '%' && rawTag.MatchString(source[tags[len(tags)-1].start:end]) {
			skip := endRaw.FindStringIndex(source[end:])
			if skip == nil {
				return nil, fmt.Errorf("template, line %d: found raw without endraw", line)
			}
			line += strings.Count(source[end:end+skip[0]], "\n")
			i = end + skip[0] - 1
		}
	}
	return tags, nil
}

var (
	rawTag    = regexp.MustCompile(`^\{%[-+]?\s*raw\b`)
	endRaw    = regexp.MustCompile(`\{%[-+]?\s*endraw\b`)
	toJSONUse = regexp.MustCompile(`^\|\s*tojson\b`)
)

// tagEnd is the end of a tag of the kind whose inside begins at byte i, or −1.
func tagEnd(source string, i int, kind byte) int {
	closing := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[kind]
	if kind == '#' {
		if n := strings.Index(source[i:], closing); n >= 0 {
			return i + n + 2
		}
		return -1
	}
	braces := 0
	for i < len(source) {
		switch c := source[i]; {
		case c == '\'' || c == '"':
			i = quoted(source, i)
			continue
		case braces == 0 && strings.HasPrefix(source[i:], closing):
			return i + 2
		case c == '{':
			braces++
		case c == '}' && braces > 0:
			braces--
		}
		i++
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

// prepare rewrites the source for the library: transformers' tojson replaces
// the built-in one, which sorts keys and escapes HTML. With trace, a call that
// records the line stands before every tag; the text rendered then is not used.
func prepare(source string, tags []tag, trace bool) string {
	var b strings.Builder
	last := 0
	for _, t := range tags {
		b.WriteString(source[last:t.start])
		if trace && t.kind != '#' {
			fmt.Fprintf(&b, "{{ %s(%d) }}", traceName, t.line)
		}
		inside := source[t.start:t.end]
		if t.kind != '#' {
			inside = renameToJSON(inside)
		}
		b.WriteString(inside)
		last = t.end
	}
	b.WriteString(source[last:])
	return b.String()
}

// renameToJSON renames the filter tojson outside string literals.
func renameToJSON(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case s[i] == '\'' || s[i] == '"':
			end := quoted(s, i)
			b.WriteString(s[i:end])
			i = end
		case s[i] == '|' && toJSONUse.MatchString(s[i:]):
			b.WriteString("|" + toJSONName)
			i += len(toJSONUse.FindString(s[i:]))
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}
