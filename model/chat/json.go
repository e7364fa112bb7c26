package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// toJSON is transformers' filter tojson: json.dumps(x, ensure_ascii=False,
// indent=None, separators=None, sort_keys=False), keys in the order of the data.
func (f *filterCall) toJSON() (jinja.Value, error) {
	if err := f.args(4, "ensure_ascii", "indent", "separators", "sort_keys"); err != nil {
		return jinja.None(), err
	}
	w := jsonWriter{pieces: pieces{r: f.r}, item: ", ", pair: ": "}
	w.ascii = f.arg(0, "ensure_ascii").IsTruthy()
	w.sorted = f.arg(3, "sort_keys").IsTruthy()
	switch v := f.arg(1, "indent"); {
	case v.IsInt() || v.IsBool():
		n, _ := integer(v)
		w.lines, w.indent = true, strings.Repeat(" ", int(min(max(n, 0), 1000)))
	case v.IsString():
		w.lines, w.indent = true, f.r.text(v).s
	case !v.IsUndefined() && !v.IsNone():
		return v, fmt.Errorf("tojson: indent: found %s, expected an integer or a str", typeName(v))
	}
	if w.lines {
		w.item = ","
	}
	if v := f.arg(2, "separators"); v.IsList() && v.AsList().Len() == 2 {
		items := v.AsList().Items
		if !items[0].IsString() || !items[1].IsString() {
			return v, fmt.Errorf("tojson: separators: expected two strs")
		}
		w.item, w.pair = f.r.text(items[0]).s, f.r.text(items[1]).s
	}
	w.value(f.in, 0)
	if w.err != nil {
		return f.in, w.err
	}
	return f.r.value(f.r.whole(f.in, w.texts())), nil
}

// jsonWriter writes as Python's json module does.
type jsonWriter struct {
	pieces
	lines         bool // items on lines of their own
	indent        string
	item, pair    string
	sorted, ascii bool
	err           error
}

func (w *jsonWriter) value(v jinja.Value, depth int) {
	w.r.spend(1)
	if depth > maxNesting {
		w.err = errTooMuch
		return
	}
	switch {
	case v.IsNone():
		w.write("null")
	case v.IsBool():
		w.write(strconv.FormatBool(v.AsBool()))
	case v.IsInt():
		w.write(strconv.FormatInt(v.AsInt(), 10))
	case v.IsFloat():
		w.write(pythonFloat(v.AsFloat()))
	case v.IsString():
		w.string(w.r.text(v))
	case v.IsList() && w.r.kind(v) <= isTuple:
		items := v.AsList().Items
		w.list("[]", len(items), depth, func(i int) { w.value(items[i], depth+1) })
	case v.IsDict() && !w.r.namespaces[v.AsDict()]:
		w.dict(v.AsDict(), depth)
	default:
		w.err = fmt.Errorf("tojson: found %s, expected a value of JSON", typeName(v))
	}
}

func (w *jsonWriter) dict(d *jinja.Dict, depth int) {
	keys := slices.Clone(d.Keys)
	if w.sorted {
		slices.Sort(keys)
	}
	w.list("{}", len(keys), depth, func(i int) {
		w.string(w.r.text(w.r.key(d, keys[i])))
		w.write(w.pair)
		w.value(d.Data[keys[i]], depth+1)
	})
}

func (w *jsonWriter) list(brackets string, n, depth int, item func(i int)) {
	w.write(brackets[:1])
	for i := range n {
		if i > 0 {
			w.write(w.item)
		}
		w.newline(depth + 1)
		item(i)
	}
	if n > 0 {
		w.newline(depth)
	}
	w.write(brackets[1:])
}

func (w *jsonWriter) newline(depth int) {
	if !w.lines {
		return
	}
	w.write("\n")
	for range depth {
		w.write(w.indent)
	}
}

func (w *jsonWriter) string(t text) {
	inside := t.mapped(func(s string) string { return jsonEscape(s, w.ascii) })
	w.write(`"`)
	w.add(inside)
	w.write(`"`)
}

// jsonEscape is a string as json.dumps writes it between the quotes.
func jsonEscape(s string, ascii bool) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case strings.ContainsRune("\n\r\t\f\b", r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case r < ' ' || ascii && r >= 0x7F && r <= 0xFFFF && r != 0x7F:
			fmt.Fprintf(&b, "\\u%04x", r)
		case ascii && r > 0xFFFF:
			r -= 0x10000
			fmt.Fprintf(&b, "\\u%04x\\u%04x", 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
