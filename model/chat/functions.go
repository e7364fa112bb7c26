package chat

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// toJSON is transformers' filter tojson: json.dumps(x, ensure_ascii=False,
// indent=…), keys in the order of the data.
func toJSON(args []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if len(args) == 0 {
		return jinja.Undefined(), fmt.Errorf("tojson: found no value")
	}
	w := jsonWriter{indent: -1, item: ", ", pair: ": "}
	if v, ok := named["indent"]; ok && v.IsInt() {
		w.indent = int(v.AsInt())
	} else if len(args) > 1 && args[1].IsInt() {
		w.indent = int(args[1].AsInt())
	}
	if w.indent >= 0 {
		w.item = ","
	}
	if v, ok := named["separators"]; ok && v.IsList() && v.AsList().Len() == 2 {
		w.item, w.pair = plain(v.AsList().Get(0)), plain(v.AsList().Get(1))
	}
	w.sorted = named["sort_keys"].IsTruthy()
	w.value(args[0], 0)
	return jinja.NewString(w.b.String()), w.err
}

func plain(v jinja.Value) string {
	if v.IsString() {
		return v.AsString()
	}
	return v.String()
}

// jsonWriter writes as Python's json module does.
type jsonWriter struct {
	b          strings.Builder
	indent     int // −1: on one line
	item, pair string
	sorted     bool
	err        error
}

func (w *jsonWriter) value(v jinja.Value, depth int) {
	switch {
	case v.IsNone():
		w.b.WriteString("null")
	case v.IsBool():
		w.b.WriteString(strconv.FormatBool(v.AsBool()))
	case v.IsInt():
		w.b.WriteString(strconv.FormatInt(v.AsInt(), 10))
	case v.IsFloat():
		w.b.WriteString(pythonFloat(v.AsFloat()))
	case v.IsString():
		w.string(v.AsString())
	case v.IsList():
		items := v.AsList().Items
		w.list('[', ']', len(items), depth, func(i int) { w.value(items[i], depth+1) })
	case v.IsDict():
		w.dict(v.AsDict(), depth)
	default:
		w.err = fmt.Errorf("tojson: found %s, expected a JSON value", v.String())
	}
}

func (w *jsonWriter) dict(d *jinja.Dict, depth int) {
	keys := slices.Clone(d.OrderedKeys())
	if w.sorted {
		slices.Sort(keys)
	}
	w.list('{', '}', len(keys), depth, func(i int) {
		w.string(keys[i])
		w.b.WriteString(w.pair)
		v, _ := d.Get(keys[i])
		w.value(v, depth+1)
	})
}

func (w *jsonWriter) list(open, end byte, n, depth int, item func(i int)) {
	w.b.WriteByte(open)
	for i := range n {
		if i > 0 {
			w.b.WriteString(w.item)
		}
		w.newline(depth + 1)
		item(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.b.WriteByte(end)
}

func (w *jsonWriter) newline(depth int) {
	if w.indent >= 0 {
		w.b.WriteString("\n" + strings.Repeat(" ", w.indent*depth))
	}
}

func (w *jsonWriter) string(s string) {
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteString("\\" + string(r))
		case strings.ContainsRune("\n\r\t\f\b", r):
			w.b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case r < ' ':
			fmt.Fprintf(&w.b, "\\u%04x", r)
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}

// pythonFloat is repr(f), with json's names for what is not finite.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return map[bool]string{true: "Infinity", false: "-Infinity"}[f > 0]
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// directives are the strftime directives that chat templates use, as layouts
// of package time.
var directives = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'B': "January", 'b': "Jan", 'A': "Monday", 'a': "Mon",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'j': "002", 'e': "_2", 'Z': "MST", 'z': "-0700",
}

// strftime is strftime_now on the date of WithDate.
func (t *Template) strftime(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	if t.date.IsZero() {
		return jinja.Undefined(), fmt.Errorf("strftime_now: the template asks for today's date, so its text would change from day to day; a date must be given")
	}
	if len(args) != 1 || !args[0].IsString() {
		return jinja.Undefined(), fmt.Errorf("strftime_now: found %d arguments, expected a format", len(args))
	}
	format := args[0].AsString()
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		bare := format[i] == '-' && i+1 < len(format) // %-d: no leading zero
		if bare {
			i++
		}
		s, ok := directive(t.date, format[i])
		if !ok {
			return jinja.Undefined(), fmt.Errorf("strftime_now: directive %%%c is not implemented", format[i])
		}
		if bare {
			s = strings.TrimLeft(s[:len(s)-1], "0 ") + s[len(s)-1:]
		}
		b.WriteString(s)
	}
	return jinja.NewString(b.String()), nil
}

func directive(d time.Time, c byte) (string, bool) {
	if c == '%' {
		return "%", true
	}
	layout, ok := directives[c]
	return d.Format(layout), ok
}
