package chat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/ardanlabs/jinja"
)

// str is Python's str(v), which is also what {{ v }} prints.
func (r *runtime) str(v jinja.Value) (text, error) {
	if v.IsString() {
		return r.text(v), nil
	}
	w := reprWriter{pieces: pieces{r: r}}
	if !v.IsUndefined() {
		w.value(v)
	}
	return r.whole(v, w.texts()), w.err
}

// whole is a text all of whose bytes have the origin of a list or dictionary v.
func (r *runtime) whole(v jinja.Value, t []text) text {
	out := join(t, text{})
	var key any
	if v.IsList() {
		key = v.AsList()
	} else if v.IsDict() {
		key = v.AsDict()
	}
	if o, ok := r.origins[key]; ok && key != nil && out.s != "" {
		out.parts = []part{{0, len(out.s), o}}
	}
	return out
}

// reprWriter writes values as Python's repr.
type reprWriter struct {
	pieces
	err   error
	depth int
}

// pieces gathers a text that is written bit by bit, which takes steps and may not
// become longer than the rendering may make strings.
type pieces struct {
	r     *runtime
	list  []text
	plain strings.Builder // what has no origin since the last that has one
	size  int
}

func (p *pieces) write(s string) {
	p.size += len(s)
	bounded(p.size, p.r.bytes)
	p.plain.WriteString(s)
}

// add writes a text with origins.
func (p *pieces) add(t text) {
	if len(t.parts) == 0 {
		p.write(t.s)
		return
	}
	p.size += len(t.s)
	bounded(p.size, p.r.bytes)
	p.list = append(p.texts(), t)
}

// texts are what was written.
func (p *pieces) texts() []text {
	if p.plain.Len() > 0 {
		p.list = append(p.list, plainText(p.plain.String()))
		p.plain.Reset()
	}
	return p.list
}

func (w *reprWriter) value(v jinja.Value) {
	w.r.spend(1)
	if w.depth++; w.depth > maxNesting {
		w.err = errTooMuch
		return
	}
	defer func() { w.depth-- }()
	switch {
	case v.IsUndefined():
		w.write("Undefined")
	case v.IsNone() || v.IsBool() || v.IsInt():
		w.write(v.String())
	case v.IsFloat():
		w.write(reprFloat(v.AsFloat()))
	case v.IsString():
		w.string(w.r.text(v))
	case v.IsList():
		w.list(v)
	case v.IsDict() && !w.r.namespaces[v.AsDict()]:
		w.dict(v.AsDict())
	default:
		w.err = fmt.Errorf("found %s, expected a value that can be printed", typeName(v))
	}
}

func (w *reprWriter) list(v jinja.Value) {
	brackets := "[]"
	switch w.r.kind(v) {
	case isTuple:
		brackets = "()"
	case isRange, isView, isGenerator:
		w.err = fmt.Errorf("found a range, view or generator, expected a value that can be printed; | list makes one of it")
		return
	}
	w.write(brackets[:1])
	for i, x := range v.AsList().Items {
		if i > 0 {
			w.write(", ")
		}
		w.value(x)
	}
	if w.r.kind(v) == isTuple && v.AsList().Len() == 1 {
		w.write(",")
	}
	w.write(brackets[1:])
}

func (w *reprWriter) dict(d *jinja.Dict) {
	w.write("{")
	for i, k := range d.Keys {
		if i > 0 {
			w.write(", ")
		}
		w.string(w.r.text(w.r.key(d, k)))
		w.write(": ")
		w.value(d.Data[k])
	}
	w.write("}")
}

// string writes a str in quotes: single ones, unless that needs escapes and
// double ones do not.
func (w *reprWriter) string(t text) {
	quote := "'"
	if strings.Contains(t.s, "'") && !strings.Contains(t.s, "\"") {
		quote = "\""
	}
	inside := t.mapped(func(s string) string {
		var b strings.Builder
		for _, c := range s {
			switch {
			case strings.ContainsRune(quote+"\\", c):
				b.WriteString("\\" + string(c))
			case c == '\n' || c == '\r' || c == '\t':
				b.WriteString(strings.Trim(strconv.QuoteRune(c), "'"))
			case c == ' ' || unicode.IsPrint(c):
				b.WriteRune(c)
			case c <= 0xFF:
				fmt.Fprintf(&b, "\\x%02x", c)
			case c <= 0xFFFF:
				fmt.Fprintf(&b, "\\u%04x", c)
			default:
				fmt.Fprintf(&b, "\\U%08x", c)
			}
		}
		return b.String()
	})
	w.write(quote)
	w.add(inside)
	w.write(quote)
}

// reprFloat is repr(f).
func reprFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return map[bool]string{true: "inf", false: "-inf"}[f > 0]
	}
	return pythonFloat(f)
}

// pythonFloat is repr(f) of what is finite, else json's names.
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
