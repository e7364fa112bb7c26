package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// function is what a template can call by name.
type function func(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error)

// functions are the globals that transformers renders with.
func (r *runtime) functions() map[string]function {
	return map[string]function{
		"raise_exception": r.raise,
		"strftime_now":    r.strftime,
		"range":           r.numbers,
		"namespace":       r.namespace,
		"dict":            r.dictOf,
		"joiner":          r.joiner,
		"cycler":          func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) { return notHere("cycler") },
		"lipsum":          func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) { return notHere("lipsum") },
	}
}

func notHere(name string) (jinja.Value, error) {
	return jinja.Undefined(), fmt.Errorf("the function %q is not implemented", name)
}

func (r *runtime) raise(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if v, ok := named["message"]; ok {
		pos = append(pos, v)
	}
	if len(pos) != 1 {
		return jinja.Undefined(), fmt.Errorf("raise_exception takes one argument, found %d", len(pos))
	}
	s, err := r.str(pos[0])
	if err != nil {
		return jinja.Undefined(), err
	}
	return jinja.Undefined(), fmt.Errorf("%s", s.s)
}

// numbers is range; the sandbox bounds it.
func (r *runtime) numbers(pos []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	const most = 100_000
	n := []int64{0, 0, 1}
	if len(pos) < 1 || len(pos) > 3 {
		return jinja.Undefined(), fmt.Errorf("range takes 1 to 3 arguments, found %d", len(pos))
	}
	at := 0
	if len(pos) == 1 {
		at = 1
	}
	for i, v := range pos {
		k, ok := integer(v)
		if !ok {
			return v, fmt.Errorf("range: found %s, expected an integer", typeName(v))
		}
		n[at+i] = k
	}
	if n[2] == 0 {
		return jinja.Undefined(), fmt.Errorf("range: found a step of 0")
	}
	var items []jinja.Value
	for i := n[0]; n[2] > 0 && i < n[1] || n[2] < 0 && i > n[1]; i += n[2] {
		if len(items) == most {
			return jinja.Undefined(), fmt.Errorf("range: more than %d numbers", most)
		}
		items = append(items, jinja.NewInt(i))
	}
	return r.list(isRange, items), r.charge(len(items))
}

func (r *runtime) namespace(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	v, err := r.dictOf(pos, named)
	if err == nil {
		r.namespaces[v.AsDict()] = true
	}
	return v, err
}

func (r *runtime) dictOf(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	v := jinja.NewDict()
	if len(pos) > 1 || len(pos) == 1 && !pos[0].IsDict() {
		return v, fmt.Errorf("dict: expected a dictionary or named arguments")
	}
	if len(pos) == 1 {
		v = r.copyDict(pos[0].AsDict())
	}
	for _, k := range r.named {
		v.AsDict().Set(k, named[k])
	}
	return v, nil
}

// joiner is a function that returns nothing at its first call and sep later.
func (r *runtime) joiner(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	sep := jinja.NewString(", ")
	if len(pos) > 0 {
		sep = pos[0]
	} else if v, ok := named["sep"]; ok {
		sep = v
	}
	used := false
	return jinja.NewCallable("joiner", func([]jinja.Value, map[string]jinja.Value) (jinja.Value, error) {
		if used {
			return sep, nil
		}
		used = true
		return jinja.NewString(""), nil
	}), nil
}

// directives are the strftime directives that chat templates use, as layouts
// of package time.
var directives = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'B': "January", 'b': "Jan", 'A': "Monday", 'a': "Mon",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'j': "002", 'e': "_2", 'Z': "MST", 'z': "-0700",
}

// strftime is strftime_now on the date of WithDate.
func (r *runtime) strftime(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if v, ok := named["format"]; ok {
		pos = append(pos, v)
	}
	if len(pos) != 1 || !pos[0].IsString() {
		return jinja.Undefined(), fmt.Errorf("strftime_now: found %d arguments, expected a format", len(pos))
	}
	if r.t.date.IsZero() {
		return jinja.Undefined(), errNoDate
	}
	s, err := formatTime(r.t.date, r.text(pos[0]).s)
	return r.value(plainText(s)), err
}

func formatTime(d time.Time, format string) (string, error) {
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
		s, ok := directive(d, format[i])
		if !ok {
			return "", fmt.Errorf("strftime_now: directive %%%c is not implemented", format[i])
		}
		if bare {
			s = strings.TrimLeft(s[:len(s)-1], "0 ") + s[len(s)-1:]
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func directive(d time.Time, c byte) (string, bool) {
	if c == '%' {
		return "%", true
	}
	layout, ok := directives[c]
	return d.Format(layout), ok
}
