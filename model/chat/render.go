package chat

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"agar/model/tokenizer"
)

// Span is a half-open byte range of a rendered text that one message said.
type Span struct {
	Start, End int
	Role       uint8
}

// Rendered is a conversation as the model reads it. Spans ascend and do not
// overlap; bytes outside all of them have RoleTemplate.
type Rendered struct {
	Text  string
	Spans []Span
	// Generated are the half-open byte ranges that the template itself encloses
	// in {% generation %}: what transformers masks as the assistant's. Templates
	// without such blocks have none.
	Generated [][2]int
}

// Render applies the template. It fails where the template does, with its line
// and reason.
func (t *Template) Render(msgs []Message, addGenerationPrompt bool) (Rendered, error) {
	strs := []string{}
	for i := range msgs {
		for _, f := range msgs[i].members() {
			each(f.Value, func(s string) { strs = append(strs, s) })
		}
	}
	for _, v := range t.vars {
		each(v, func(s string) { strs = append(strs, s) })
	}
	m, ok := newMarks(len(msgs), append(strs, t.program.literals...)...)
	if !ok {
		return Rendered{}, fmt.Errorf("chat: the conversation of %d messages leaves too few private-use characters to mark contents with", len(msgs))
	}
	s, err := t.execute(msgs, addGenerationPrompt, m)
	if err != nil {
		return Rendered{}, err
	}
	return m.rendered(s, msgs)
}

// rendered reads a rendered string with its marks.
func (m marks) rendered(s string, msgs []Message) (r Rendered, err error) {
	var b strings.Builder
	from, generation, span := 0, -1, Span{}
	for i, c := range s {
		k := int(c - m.base)
		if k < 0 || k > 2*m.n+1 {
			continue
		}
		b.WriteString(s[from:i])
		from = i + utf8.RuneLen(c)
		switch {
		case k == 2*m.n:
			generation = b.Len()
		case k == 2*m.n+1 && generation >= 0:
			r.Generated = append(r.Generated, [2]int{generation, b.Len()})
			generation = -1
		case k%2 == 0:
			span = Span{b.Len(), 0, roleOf(msgs[k/2].Role)}
		default:
			span.End = b.Len()
			r.Spans = appendSpan(r.Spans, span)
		}
	}
	b.WriteString(s[from:])
	if r.Text = b.String(); generation >= 0 {
		return r, fmt.Errorf("chat: the template leaves a generation block by break or continue")
	}
	return r, nil
}

// appendSpan adds a span, as part of the last one when it goes on there. Roles
// without a name of their own are the template's.
func appendSpan(spans []Span, s Span) []Span {
	if n := len(spans); n > 0 && spans[n-1].End == s.Start && spans[n-1].Role == s.Role {
		spans[n-1].End = s.End
		return spans
	}
	if s.End == s.Start || s.Role == RoleTemplate {
		return spans
	}
	return append(spans, s)
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
	e, err := tok.Encode(r.Text, false)
	return e.IDs, r.Roles(e.Offsets), err
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

// AssistantMask says of each of a text's tokens whether it shares bytes with a
// generation block: transformers' assistant_masks.
func (r *Rendered) AssistantMask(offsets [][2]int) []bool {
	mask, next := make([]bool, len(offsets)), 0
	for i, o := range offsets {
		for next < len(r.Generated) && r.Generated[next][1] <= o[0] {
			next++
		}
		mask[i] = next < len(r.Generated) && r.Generated[next][0] < o[1]
	}
	return mask
}
