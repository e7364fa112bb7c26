package chat

import (
	"fmt"
	"maps"
	"time"

	"github.com/ardanlabs/jinja"
)

// Template is a compiled chat template. It is safe for concurrent use.
type Template struct {
	source   string
	compiled *jinja.Template
	traced   *jinja.Template // records lines; used after a failure only
	vars     map[string]jinja.Value
	date     time.Time
}

// Parse compiles a template. vars are what tokenizer_config.json supplies:
// bos_token, eos_token and so on.
func Parse(template string, vars map[string]string) (*Template, error) {
	pieces, err := split(template)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	t := &Template{source: template, vars: map[string]jinja.Value{}}
	if t.compiled, err = jinja.Compile(prepare(pieces, false)); err != nil {
		return nil, fmt.Errorf("chat: template: %w", err)
	}
	if t.traced, err = jinja.Compile(prepare(pieces, true)); err != nil {
		t.traced = nil // the template cannot be instrumented; errors then have no line
	}
	for k, v := range vars {
		t.vars[k] = jinja.NewString(v)
	}
	return t, nil
}

// Source is the template as it was given to Parse.
func Source(t *Template) string { return t.source }

// With is t with one more variable for the template, such as tools or
// enable_thinking, given as JSON.
func (t *Template) With(name string, value []byte) (*Template, error) {
	v, err := decodeOrdered(value)
	if err != nil {
		return nil, fmt.Errorf("chat: variable %q: %w", name, err)
	}
	c := *t
	c.vars = maps.Clone(t.vars)
	c.vars[name] = toValue(v)
	return &c, nil
}

// WithDate is t with strftime_now telling the given time.
func (t *Template) WithDate(d time.Time) *Template {
	c := *t
	c.date = d
	return &c
}

// execute renders the messages with other contents in place of their own.
func (t *Template) execute(msgs []Message, contents []string, generate bool) (string, error) {
	line := 0
	text, err := run(t.compiled, t.data(msgs, contents, generate, &line))
	if err == nil {
		return text, nil
	}
	if t.traced != nil {
		_, _ = run(t.traced, t.data(msgs, contents, generate, &line))
	}
	if line > 0 {
		return "", fmt.Errorf("chat: template, line %d: %w", line, err)
	}
	return "", fmt.Errorf("chat: template: %w", err)
}

// run renders; the library panics where Python would raise a type error.
func run(c *jinja.Template, data map[string]jinja.Value) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return c.RenderValues(data)
}

// data is what the template sees. line receives the line of a traced template.
func (t *Template) data(msgs []Message, contents []string, generate bool, line *int) map[string]jinja.Value {
	data := maps.Clone(t.vars)
	list := make([]jinja.Value, len(msgs))
	for i := range msgs {
		list[i] = msgs[i].value(contents[i])
	}
	data["messages"] = jinja.NewList(list)
	data["add_generation_prompt"] = jinja.NewBool(generate)
	data[toJSONName] = jinja.NewCallable(toJSONName, toJSON)
	data["strftime_now"] = jinja.NewCallable("strftime_now", t.strftime)
	data[traceName] = jinja.NewCallable(traceName, func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
		if len(args) == 1 && args[0].IsInt() {
			*line = int(args[0].AsInt())
		}
		return jinja.NewString(""), nil
	})
	return data
}
