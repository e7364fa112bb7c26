package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ardanlabs/jinja"
)

// The roles of a token or a span.
const (
	RolePlain     uint8 = iota // text that is not a chat
	RoleSystem                 // the content of a system or developer message
	RoleUser                   // of a user message
	RoleAssistant              // of an assistant or model message
	RoleTool                   // of a tool, function or ipython message
	RoleTemplate               // whatever the template adds
)

// Message is one turn of a conversation. Extra holds what else a template may
// look at, such as name or tool_calls, in order.
type Message struct {
	Role    string
	Content string
	Extra   []Field
}

// Field is one member of a JSON object. Value is nil, bool, int64, float64,
// string, []any or []Field.
type Field struct {
	Name  string
	Value any
}

// roleOf classes the role that a message names.
func roleOf(name string) uint8 {
	switch name {
	case "system", "developer":
		return RoleSystem
	case "user", "human":
		return RoleUser
	case "assistant", "model", "gpt":
		return RoleAssistant
	case "tool", "function", "ipython":
		return RoleTool
	}
	return RoleTemplate
}

// UnmarshalJSON reads {"role": …, "content": …, …} and keeps the order of the
// other members. A null or absent content stays null for the template.
func (m *Message) UnmarshalJSON(b []byte) error {
	v, err := decodeOrdered(b)
	if err != nil {
		return fmt.Errorf("chat: message: %w", err)
	}
	fields, ok := v.([]Field)
	if !ok {
		return fmt.Errorf("chat: message: found %T, expected an object", v)
	}
	*m = Message{}
	for _, f := range fields {
		s, isString := f.Value.(string)
		switch {
		case f.Name == "role" && isString:
			m.Role = s
		case f.Name == "content" && isString:
			m.Content = s
		case f.Name == "role" || f.Name == "content" && f.Value != nil:
			return fmt.Errorf("chat: message: %q: found %T, expected a string", f.Name, f.Value)
		default:
			m.Extra = append(m.Extra, f)
		}
	}
	if m.Role == "" {
		return fmt.Errorf("chat: message without a role")
	}
	return nil
}

// value is the message as a template sees it, with another content.
func (m *Message) value(content string) jinja.Value {
	v := jinja.NewDict()
	d := v.AsDict()
	d.Set("role", jinja.NewString(m.Role))
	d.Set("content", jinja.NewString(content))
	for _, f := range m.Extra {
		d.Set(f.Name, toValue(f.Value))
	}
	return v
}

// toValue converts what decodeOrdered returns.
func toValue(v any) jinja.Value {
	switch v := v.(type) {
	case nil:
		return jinja.None()
	case []any:
		items := make([]jinja.Value, len(v))
		for i := range v {
			items[i] = toValue(v[i])
		}
		return jinja.NewList(items)
	case []Field:
		d := jinja.NewDict()
		for _, f := range v {
			d.AsDict().Set(f.Name, toValue(f.Value))
		}
		return d
	}
	return jinja.FromGoValue(v)
}

// decodeOrdered reads one JSON value with its objects as []Field.
func decodeOrdered(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := decodeValue(d)
	if err == nil && d.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, err
}

func decodeValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			return decodeList(d)
		}
		return decodeObject(d)
	case json.Number:
		return number(t)
	}
	return t, nil
}

func decodeList(d *json.Decoder) (any, error) {
	out := []any{}
	for d.More() {
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.Token()
	return out, err
}

func decodeObject(d *json.Decoder) (any, error) {
	out := []Field{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		out = append(out, Field{fmt.Sprint(name), v})
	}
	_, err := d.Token()
	return out, err
}

// number keeps integers apart from floating-point numbers, as Python does.
func number(n json.Number) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
	}
	return n.Float64()
}
