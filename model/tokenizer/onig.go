package tokenizer

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/dlclark/regexp2/v2"
)

// compile compiles a pattern of Oniguruma for regexp2, whose classes follow an
// older Unicode and whose case folding knows neither ſ nor the Kelvin sign. ^
// and $ match at lines.
func compile(expr string) (*regexp2.Regexp, error) {
	translated := fromOniguruma(expr)
	if p := valueless(translated); p != "" {
		return nil, fmt.Errorf("found %s, a property that needs a value to be a class", p)
	}
	return regexp2.Compile(translated, regexp2.Multiline)
}

// wantValue are properties that are a class only with a value, like WB=Extend.
// regexp2 compiles them without one and follows a nil pointer when it matches.
var wantValue = map[string]bool{
	"gcb": true, "graphemeclusterbreak": true, "incb": true, "indicconjunctbreak": true,
	"sb": true, "sentencebreak": true, "wb": true, "wordbreak": true,
}

var (
	property  = regexp.MustCompile(`\\[pP]\{([^}]*)\}`)
	looseName = strings.NewReplacer("_", "", "-", "", " ", "")
)

// valueless is the first property in expr that lacks a value, or "".
func valueless(expr string) string {
	for _, m := range property.FindAllStringSubmatch(expr, -1) {
		if wantValue[strings.ToLower(looseName.Replace(m[1]))] {
			return m[0]
		}
	}
	return ""
}

// fromOniguruma spells out what regexp2 does not know: characters that are new in
// \p{L} and its like, \w, and case folding inside (?i:…).
func fromOniguruma(expr string) string {
	t := translator{in: expr}
	for t.pos < len(expr) {
		t.next()
	}
	return t.out.String()
}

type translator struct {
	in     string
	pos    int
	out    strings.Builder
	bars   int    // depth of brackets
	groups []bool // for each open group, whether it folds case
}

// next translates one item.
func (t *translator) next() {
	c := t.in[t.pos]
	switch {
	case c == '\\':
		t.escape()
		return
	case c == '[':
		t.bars++
	case c == ']' && t.bars > 0:
		t.bars--
	case c == '(' && t.bars == 0:
		t.groups = append(t.groups, t.folds() || strings.HasPrefix(t.in[t.pos:], "(?i:"))
	case c == ')' && t.bars == 0 && len(t.groups) > 0:
		t.groups = t.groups[:len(t.groups)-1]
	case t.folds() && (c|0x20 == 's' || c|0x20 == 'k'):
		t.fold(c)
		return
	}
	t.copy(1)
}

func (t *translator) folds() bool { return len(t.groups) > 0 && t.groups[len(t.groups)-1] }

func (t *translator) copy(n int) {
	n = min(n, len(t.in)-t.pos)
	t.out.WriteString(t.in[t.pos : t.pos+n])
	t.pos += n
}

// fold writes s or k with what else folds to it.
func (t *translator) fold(c byte) {
	set := string(c) + "ſ"
	if c|0x20 == 'k' {
		set = string(c) + "\u212A"
	}
	if t.bars == 0 {
		set = "[" + set + "]"
	}
	t.out.WriteString(set)
	t.pos++
}

// escape copies a backslash and what belongs to it, with \p{…} and \w widened.
func (t *translator) escape() {
	rest := t.in[t.pos:]
	for _, c := range tables {
		if p := fmt.Sprintf(`\p{%s}`, c.name); strings.HasPrefix(rest, p) {
			t.class(p, c.name)
			return
		}
		if p := fmt.Sprintf(`\P{%s}`, c.name); strings.HasPrefix(rest, p) && t.bars == 0 {
			t.out.WriteString(`[^\p{` + c.name + `}` + ranges(deltas[c.name].more) + `]`)
			t.pos += len(p)
			return
		}
	}
	if strings.HasPrefix(rest, `\w`) {
		set := wordRanges()
		if t.bars == 0 {
			set = "[" + set + "]"
		}
		t.out.WriteString(set)
		t.pos += len(`\w`)
		return
	}
	t.copy(2)
}

// class writes p with the characters that the class has more.
func (t *translator) class(p, name string) {
	set := p + ranges(deltas[name].more)
	if t.bars == 0 {
		set = "[" + set + "]"
	}
	t.out.WriteString(set)
	t.pos += len(p)
}

// wordRanges is what \w matches, to be put in brackets.
var wordRanges = sync.OnceValue(func() string { return ranges(rangesOf(propWord)) })

func ranges(rs []runeRange) string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteRune(r.lo)
		if r.hi > r.lo {
			b.WriteByte('-')
			b.WriteRune(r.hi)
		}
	}
	return b.String()
}
