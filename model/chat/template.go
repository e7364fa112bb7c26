package chat

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ardanlabs/jinja"
)

// Template is a compiled chat template. It is safe for concurrent use.
type Template struct {
	source  string
	program *program
	vars    map[string]any // as decodeOrdered returns them
	date    time.Time
	toolUse *Template // that takes over once there are tools; nil: this one
}

// ErrNoDate is returned, wrapped, when a template asks for the date and none was
// given by WithDate.
var ErrNoDate = errors.New("the template asks for today's date, so its text would change from day to day; a date must be given")

var errNoDate = fmt.Errorf("strftime_now: %w", ErrNoDate)

// Parse compiles a template. vars are what tokenizer_config.json supplies:
// bos_token, eos_token and so on.
func Parse(template string, vars map[string]string) (*Template, error) {
	body, err := parseTemplate(template)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	t := &Template{source: template, vars: map[string]any{"tools": nil, "documents": nil}}
	if t.program, err = compile(body); err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	for k, v := range vars {
		t.vars[k] = v
	}
	return t, nil
}

// Source is the template as it was given to Parse.
func Source(t *Template) string { return t.source }

// WithToolUse is t with another template that takes its place once With is given
// tools, as models have them that name a template "tool_use".
func (t *Template) WithToolUse(u *Template) *Template {
	c := *t
	c.toolUse = u
	return &c
}

// With is t with one more variable for the template, such as tools or
// enable_thinking, given as JSON.
func (t *Template) With(name string, value []byte) (*Template, error) {
	v, err := decodeOrdered(value)
	if err != nil {
		return nil, fmt.Errorf("chat: variable %q: %w", name, err)
	}
	c := *t
	if name == "tools" && v != nil && t.toolUse != nil {
		c.source, c.program, c.toolUse = t.toolUse.source, t.toolUse.program, nil
	}
	c.vars = maps.Clone(t.vars)
	c.vars[name] = v
	return &c, nil
}

// WithDate is t with strftime_now telling the given time.
func (t *Template) WithDate(d time.Time) *Template {
	c := *t
	c.date = d
	return &c
}

// execute renders messages to a string with marks: 2k and 2k+1 of them around
// what message k said, 2n and 2n+1 of n messages around generation blocks.
func (t *Template) execute(msgs []Message, generate bool, m marks) (string, error) {
	r := &runtime{
		t: t, p: t.program, marks: m, bytes: minBytes, steps: maxSteps,
		kinds: map[*jinja.List]listKind{}, namespaces: map[*jinja.Dict]bool{}, origins: map[any]int{},
	}
	s, err := r.run(msgs, generate)
	if err != nil {
		return "", fmt.Errorf("chat: template, line %d: %w", cmp.Or(r.line, r.at, 1), err)
	}
	return s, nil
}

// run renders. What strings use up beyond the limit stops it by a panic.
func (r *runtime) run(msgs []Message, generate bool) (s string, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case errTooMuch:
			err = errTooMuch
		default:
			panic(p)
		}
	}()
	list := make([]jinja.Value, len(msgs))
	for i := range msgs {
		for _, f := range msgs[i].members() {
			each(f.Value, func(s string) { r.bytes, r.steps = r.bytes+perByte*len(s), r.steps+perByte/perStep*len(s) })
		}
		list[i] = r.message(&msgs[i], i)
	}
	data := map[string]jinja.Value{
		runName:   jinja.NewCallable(runName, r.call),
		markBegin: jinja.NewString(string(r.marks.base + rune(2*len(msgs)))),
		markEnd:   jinja.NewString(string(r.marks.base + rune(2*len(msgs)+1))),
	}
	for name, f := range r.functions() {
		data[userPrefix+name] = jinja.NewCallable(name, f)
	}
	data[userPrefix+"messages"] = jinja.NewList(list)
	data[userPrefix+"add_generation_prompt"] = jinja.NewBool(generate)
	for name, v := range r.t.vars {
		data[userPrefix+name] = r.data(v, -1)
	}
	return r.p.loaded.RenderValues(data)
}
