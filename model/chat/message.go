package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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
	// Value, when set, is the content instead, such as a list of parts like
	// {"type": "text", "text": …}; it is what Field.Value may be.
	Value any
	// NoContent leaves the content out, as of a message that only calls tools.
	NoContent bool
	Extra     []Field

	order []string // of the members of the JSON object it was read from
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
// members. As in transformers, a member that is null counts as absent. The
// content is a string, a list of parts or an object.
func (m *Message) UnmarshalJSON(b []byte) error {
	v, err := decodeOrdered(b)
	if err != nil {
		return fmt.Errorf("chat: message: %w", err)
	}
	fields, ok := v.([]Field)
	if !ok {
		return fmt.Errorf("chat: message: found %T, expected an object", v)
	}
	*m = Message{NoContent: true}
	for _, f := range fields {
		if f.Value == nil {
			continue
		}
		if err := m.member(f); err != nil {
			return err
		}
		m.order = append(m.order, f.Name)
	}
	if m.Role == "" {
		return fmt.Errorf("chat: message without a role")
	}
	return nil
}

func (m *Message) member(f Field) error {
	s, isString := f.Value.(string)
	switch {
	case f.Name == "role" && isString:
		m.Role = s
	case f.Name == "content" && isString:
		m.Content, m.NoContent = s, false
	case f.Name == "role":
		return fmt.Errorf("chat: message: %q: found %T, expected a string", f.Name, f.Value)
	case f.Name == "content":
		if _, ok := f.Value.([]any); !ok {
			if _, ok := f.Value.([]Field); !ok {
				return fmt.Errorf("chat: message: %q: found %v, expected a string, a list of parts or an object", f.Name, f.Value)
			}
		}
		m.Value, m.NoContent = f.Value, false
	default:
		m.Extra = append(m.Extra, f)
	}
	return nil
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// spoken are the members of a message whose strings it says, besides content.
var spoken = []string{"reasoning_content", "reasoning", "thinking", "tool_calls"}

// members lists a message as templates see it, in order. As in transformers,
// reasoning is there under the name that it was given and two more.
func (m *Message) members() []Field {
	out := []Field{{"role", m.Role}}
	switch {
	case m.Value != nil:
		out = append(out, Field{"content", m.Value})
	case !m.NoContent:
		out = append(out, Field{"content", m.Content})
	}
	out = append(out, m.Extra...)
	rank := func(f Field) int { return slices.Index(m.order, f.Name) }
	slices.SortStableFunc(out, func(a, b Field) int { return rank(a) - rank(b) })
	return aliasReasoning(out)
}

// aliasReasoning puts what a message thought under the name that templates read.
func aliasReasoning(fs []Field) []Field {
	at := func(name string) int {
		return slices.IndexFunc(fs, func(f Field) bool { return f.Name == name && f.Value != nil })
	}
	for _, name := range []string{"reasoning_content", "thinking", "reasoning"} {
		k := at(name)
		if k < 0 {
			continue
		}
		v := fs[k].Value
		if at("thinking") < 0 {
			fs = append([]Field{{"thinking", v}}, fs...)
		}
		if i := at("reasoning_content"); i >= 0 {
			fs[i].Value = v
		} else {
			fs = append(fs, Field{"reasoning_content", v})
		}
		break
	}
	return fs
}

// each calls f with every string of a value that decodeOrdered returns.
func each(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, x := range v {
			each(x, f)
		}
	case []Field:
		for _, x := range v {
			f(x.Name)
			each(x.Value, f)
		}
	}
}

// message is message m as a template sees it; what it says carries origin k.
func (r *runtime) message(m *Message, k int) jinja.Value {
	v := jinja.NewDict()
	for _, f := range m.members() {
		origin := -1
		if f.Name == "content" || slices.Contains(spoken, f.Name) {
			origin = k
		}
		v.AsDict().Set(f.Name, r.data(f.Value, origin))
	}
	return v
}

// data is a value of JSON; its strings have an origin, −1 for none. The types of
// the parts of a content are not said by anyone.
func (r *runtime) data(v any, origin int) jinja.Value {
	switch v := v.(type) {
	case string:
		t := text{s: v}
		if origin >= 0 && v != "" {
			t.parts = []part{{0, len(v), origin}}
		}
		return jinja.NewString(r.marks.encode(t))
	case []any:
		items := make([]jinja.Value, len(v))
		for i := range v {
			items[i] = r.data(v[i], origin)
		}
		l := jinja.NewList(items)
		r.owned(l.AsList(), origin)
		return l
	case []Field:
		d := jinja.NewDict()
		for _, f := range v {
			o := origin
			if f.Name == "type" && isText(f.Value) {
				o = -1
			}
			d.AsDict().Set(f.Name, r.data(f.Value, o))
		}
		r.owned(d.AsDict(), origin)
		return d
	case nil:
		return jinja.None()
	}
	return jinja.FromGoValue(v)
}

func (r *runtime) owned(container any, origin int) {
	if origin >= 0 {
		r.origins[container] = origin
	}
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
		return jsonNumber(t)
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

// jsonNumber keeps integers apart from floating-point numbers, as Python does.
func jsonNumber(n json.Number) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
	}
	return n.Float64()
}
