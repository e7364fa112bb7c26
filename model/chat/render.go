package chat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"agar/model/tokenizer"
)

// Span is a half-open byte range of a rendered text that is content of one
// message.
type Span struct {
	Start, End int
	Role       uint8
}

// Rendered is a conversation as the model reads it. Spans ascend and do not
// overlap; bytes outside all of them have RoleTemplate.
type Rendered struct {
	Text  string
	Spans []Span
}

// Render applies the template. It fails where the template does, with its line
// and reason, and where a content cannot be located in the result.
func (t *Template) Render(msgs []Message, addGenerationPrompt bool) (Rendered, error) {
	contents := make([]string, len(msgs))
	for i, m := range msgs {
		contents[i] = m.Content
	}
	text, err := t.execute(msgs, contents, addGenerationPrompt)
	if err != nil {
		return Rendered{}, err
	}
	l := locator{t: t, msgs: msgs, contents: contents, generate: addGenerationPrompt, text: text}
	l.marks = freeMarks(text+t.source+strings.Join(contents, ""), 2*len(msgs))
	spans, err := l.locate()
	return Rendered{text, spans}, err
}

// Tokenize renders and encodes: special tokens in the text are recognised, and
// nothing is added to it, as in apply_chat_template(tokenize=True). So there is
// no second BOS behind a template that writes one, and none with a template
// that does not. roles has the role of every token.
func (t *Template) Tokenize(tok *tokenizer.Tokenizer, msgs []Message, addGenerationPrompt bool) (ids []int32, roles []uint8, err error) {
	r, err := t.Render(msgs, addGenerationPrompt)
	if err != nil {
		return nil, nil, err
	}
	e := tok.Encode(r.Text, false)
	return e.IDs, r.Roles(e.Offsets), nil
}

// Roles gives each of a text's tokens, in order, its role by its offsets.
func (r *Rendered) Roles(offsets [][2]int) []uint8 {
	roles, next := make([]uint8, len(offsets)), 0
	for i, o := range offsets {
		roles[i] = RoleTemplate
		for next < len(r.Spans) && r.Spans[next].End <= o[0] {
			next++
		}
		if next < len(r.Spans) && r.Spans[next].Start < o[1] {
			roles[i] = r.Spans[next].Role
		}
	}
	return roles
}

// locator finds the contents of messages in the rendered text.
type locator struct {
	t        *Template
	msgs     []Message
	contents []string
	generate bool
	text     string
	marks    []rune // two a message, found nowhere else
}

// locate tries all contents at once, marked on their outside, and goes through
// them one by one when that changes the text.
func (l *locator) locate() ([]Span, error) {
	if len(l.msgs) == 0 {
		return nil, nil
	}
	if l.marks == nil {
		return nil, fmt.Errorf("chat: the conversation of %d messages leaves too few private-use characters to mark contents with", len(l.msgs))
	}
	marked := slices.Clone(l.contents)
	for i := range l.msgs {
		if l.msgs[i].Content != "" {
			marked[i] = l.mark(i, 0, len(l.contents[i]))
		}
	}
	if spans, ok := l.try(marked); ok {
		return spans, nil
	}
	var out []Span
	for i := range l.msgs {
		spans, ok := l.one(i)
		if !ok {
			return nil, fmt.Errorf("chat: message %d (%s): the template changes its content so that it cannot be located in the text", i, l.msgs[i].Role)
		}
		out = append(out, spans...)
	}
	slices.SortFunc(out, func(a, b Span) int { return a.Start - b.Start })
	for i := 1; i < len(out); i++ {
		if out[i].Start < out[i-1].End {
			return nil, fmt.Errorf("chat: the template nests contents in one another at byte %d of the text", out[i].Start)
		}
	}
	return out, nil
}

// one marks message i alone: its content as a whole or, when that changes the
// text, the stretches between <think> and </think>, which the templates of
// reasoning models take apart.
func (l *locator) one(i int) (out []Span, ok bool) {
	c := l.contents[i]
	if spans, ok := l.stretch(i, 0, len(c)); ok {
		return spans, true
	}
	tags := thinkTag.FindAllStringIndex(c, -1)
	if tags == nil {
		return nil, false
	}
	begin := 0
	for _, tag := range append(tags, []int{len(c), len(c)}) {
		spans, ok := l.stretch(i, begin, tag[0])
		if !ok {
			return nil, false
		}
		out, begin = append(out, spans...), tag[1]
	}
	return out, true
}

var thinkTag = regexp.MustCompile(`</?think>`)

// stretch marks bytes [begin, end) of content i: outside, then, as a template
// may trim, inside the white space on their left, their right and both sides.
// The first marking that leaves the text alone encloses all that the template
// kept. White space alone may vanish.
func (l *locator) stretch(i, begin, end int) ([]Span, bool) {
	c := l.contents[i][begin:end]
	left := begin + len(c) - len(strings.TrimLeftFunc(c, unicode.IsSpace))
	right := max(left, begin+len(strings.TrimRightFunc(c, unicode.IsSpace)))
	for _, r := range [][2]int{{begin, end}, {left, end}, {begin, right}, {left, right}} {
		if r[1] <= r[0] {
			continue
		}
		marked := slices.Clone(l.contents)
		marked[i] = l.mark(i, r[0], r[1])
		if spans, ok := l.try(marked); ok {
			return spans, true
		}
	}
	return nil, left >= right
}

// mark is content i with its marks around bytes [begin, end).
func (l *locator) mark(i, begin, end int) string {
	c := l.contents[i]
	return c[:begin] + string(l.marks[2*i]) + c[begin:end] + string(l.marks[2*i+1]) + c[end:]
}

// try renders marked contents and reads the spans off; false when marking
// changed the text or the marks do not come in pairs.
func (l *locator) try(marked []string) ([]Span, bool) {
	text, err := l.t.execute(l.msgs, marked, l.generate)
	if err != nil {
		return nil, false
	}
	var b strings.Builder
	var spans []Span
	open := -1 // the message whose content we are in
	start := 0
	for i, w := 0, 0; i < len(text); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(text[i:])
		k := int(r - l.marks[0])
		switch {
		case k < 0 || k >= len(l.marks):
			b.WriteString(text[i : i+w])
		case k%2 == 0 && open < 0:
			open, start = k/2, b.Len()
		case k%2 == 1 && open == k/2:
			if b.Len() > start {
				spans = append(spans, Span{start, b.Len(), roleOf(l.msgs[open].Role)})
			}
			open = -1
		default:
			return nil, false
		}
	}
	return spans, open < 0 && b.String() == l.text
}

// freeMarks returns n consecutive private-use characters that s has none of, or
// nil when there is no such run.
func freeMarks(s string, n int) []rune {
	const first, last = 0xF0000, 0x10FFFD
	var taken []rune
	for _, r := range s {
		if r >= first {
			taken = append(taken, r)
		}
	}
	slices.Sort(taken)
	base := rune(first)
	for _, r := range taken {
		if r >= base+rune(n) {
			break
		}
		base = r + 1
	}
	if base+rune(n) > last {
		return nil
	}
	marks := make([]rune, n)
	for i := range marks {
		marks[i] = base + rune(i)
	}
	return marks
}
