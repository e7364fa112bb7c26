package chat

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// filterCall is one use of a filter: in | name(pos…, named…).
type filterCall struct {
	r     *runtime
	name  string
	in    jinja.Value
	pos   []jinja.Value
	named map[string]jinja.Value
}

// filters are the filters of Jinja that chat templates use.
var filters map[string]func(*filterCall) (jinja.Value, error)

func init() {
	filters = map[string]func(*filterCall) (jinja.Value, error){
		"tojson": (*filterCall).toJSON, "string": (*filterCall).toString, "safe": (*filterCall).safe,
		"trim": (*filterCall).trim, "replace": (*filterCall).replace, "join": (*filterCall).join, "indent": (*filterCall).indent,
		"upper": (*filterCall).letters, "lower": (*filterCall).letters, "capitalize": (*filterCall).letters,
		"length": (*filterCall).length, "count": (*filterCall).length,
		"default": (*filterCall).fallback, "d": (*filterCall).fallback,
		"int": (*filterCall).toInt, "float": (*filterCall).toFloat, "abs": (*filterCall).abs, "round": (*filterCall).round,
		"first": (*filterCall).end, "last": (*filterCall).end, "list": (*filterCall).list, "reverse": (*filterCall).reverse,
		"items": (*filterCall).items, "dictsort": (*filterCall).dictsort, "sort": (*filterCall).sort, "unique": (*filterCall).unique,
		"sum": (*filterCall).sum, "min": (*filterCall).extreme, "max": (*filterCall).extreme,
		"map": (*filterCall).mapItems, "select": (*filterCall).choose, "reject": (*filterCall).choose,
		"selectattr": (*filterCall).choose, "rejectattr": (*filterCall).choose, "attr": (*filterCall).attr,
	}
}

func (r *runtime) filter(x *expr, a []jinja.Value) (jinja.Value, error) {
	pos, named := arguments(x, a[1:])
	return r.filterBy(x.name, a[0], pos, named)
}

func (r *runtime) filterBy(name string, in jinja.Value, pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	f, ok := filters[name]
	if !ok {
		return in, fmt.Errorf("unknown filter %q", name)
	}
	return f(&filterCall{r, name, in, pos, named})
}

// args checks that there are no more than so many arguments, and only the named
// ones given.
func (f *filterCall) args(n int, names ...string) error {
	if len(f.pos) > n {
		return fmt.Errorf("%s: found %d arguments, expected at most %d", f.name, len(f.pos), n)
	}
	for k := range f.named {
		if !slices.Contains(names, k) {
			return fmt.Errorf("%s: found an unknown argument %q", f.name, k)
		}
	}
	return nil
}

// arg is argument i or the named one; undefined when not given.
func (f *filterCall) arg(i int, name string) jinja.Value {
	if i < len(f.pos) {
		return f.pos[i]
	}
	return f.named[name]
}

func (f *filterCall) toString() (jinja.Value, error) {
	s, err := f.r.str(f.in)
	return f.r.value(s), err
}

// safe makes markup, which escapes what is added to it.
func (f *filterCall) safe() (jinja.Value, error) {
	s, err := f.r.str(f.in)
	if err == nil && s.s == "" {
		err = fmt.Errorf("safe: markup of nothing is not implemented")
	}
	s.markup = true
	return f.r.value(s), err
}

func (f *filterCall) trim() (jinja.Value, error) {
	s, err := f.r.str(f.in)
	cut := isSpace
	if v := f.arg(0, "chars"); v.IsString() {
		chars := f.r.text(v).s
		cut = func(c rune) bool { return strings.ContainsRune(chars, c) }
	}
	if err == nil {
		err = f.args(1, "chars")
	}
	return f.r.value(s.trim(cut, cut)), err
}

func (f *filterCall) replace() (jinja.Value, error) {
	if err := f.args(3, "old", "new", "count"); err != nil {
		return f.in, err
	}
	var ts [3]text
	for i, v := range []jinja.Value{f.in, f.arg(0, "old"), f.arg(1, "new")} {
		var err error
		if ts[i], err = f.r.str(v); err != nil {
			return f.in, err
		}
	}
	n := -1
	if k, ok := integer(f.arg(2, "count")); ok {
		n = int(k)
	}
	return f.r.value(ts[0].replace(ts[1].s, ts[2], n)), nil
}

func (f *filterCall) join() (jinja.Value, error) {
	if err := f.args(2, "d", "attribute"); err != nil {
		return f.in, err
	}
	items, err := f.r.iterate(f.in)
	if err != nil {
		return f.in, err
	}
	ts := make([]text, len(items))
	for i, v := range items {
		if v, err = f.by(v, f.arg(1, "attribute")); err != nil {
			return v, err
		}
		if ts[i], err = f.r.str(v); err != nil {
			return v, err
		}
	}
	var sep text
	if v := f.arg(0, "d"); !v.IsUndefined() {
		sep, err = f.r.str(v)
	}
	return f.r.value(join(ts, sep)), err
}

// by is an attribute of v such as "a" or "a.b.0"; v itself when attribute is
// not given.
func (f *filterCall) by(v, attribute jinja.Value) (jinja.Value, error) {
	if attribute.IsUndefined() || attribute.IsNone() {
		return v, nil
	}
	if _, ok := integer(attribute); ok {
		return f.r.item(v, attribute, nil)
	}
	if !attribute.IsString() {
		return v, fmt.Errorf("%s: found %s, expected the name of an attribute", f.name, typeName(attribute))
	}
	for _, part := range strings.Split(f.r.text(attribute).s, ".") {
		key := jinja.NewString(part)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = jinja.NewInt(n)
		}
		var err error
		if v, err = f.r.item(v, key, nil); err != nil {
			return v, err
		}
	}
	return v, nil
}

// indent puts spaces before all lines but the first and empty ones.
func (f *filterCall) indent() (jinja.Value, error) {
	if err := f.args(3, "width", "first", "blank"); err != nil {
		return f.in, err
	}
	s, err := f.r.str(f.in)
	by := strings.Repeat(" ", 4)
	switch v := f.arg(0, "width"); {
	case v.IsString():
		by = f.r.text(v).s
	case v.IsInt():
		by = strings.Repeat(" ", int(min(max(v.AsInt(), 0), 1000)))
	}
	lines := s.split("\n", -1, false)
	for i := range lines {
		if i == 0 && !f.arg(1, "first").IsTruthy() || i > 0 && lines[i].s == "" && !f.arg(2, "blank").IsTruthy() {
			continue
		}
		lines[i] = join([]text{plainText(by), lines[i]}, text{})
	}
	return f.r.value(join(lines, plainText("\n"))), err
}

func (f *filterCall) letters() (jinja.Value, error) {
	s, err := f.r.str(f.in)
	if err == nil {
		err = f.args(0)
	}
	return f.r.value(f.r.cased(s, f.name)), err
}

func (f *filterCall) length() (jinja.Value, error) {
	switch {
	case f.in.IsUndefined(), f.in.IsString(), f.in.IsDict() && !f.r.namespaces[f.in.AsDict()], f.in.IsList() && f.r.kind(f.in) != isGenerator:
		return jinja.NewInt(int64(f.r.length(f.in))), f.args(0)
	}
	return f.in, fmt.Errorf("%s: %s has no length", f.name, typeName(f.in))
}

func (f *filterCall) fallback() (jinja.Value, error) {
	other := f.arg(0, "default_value")
	if len(f.pos) == 0 && other.IsUndefined() {
		other = jinja.NewString("")
	}
	if f.in.IsUndefined() || f.arg(1, "boolean").IsTruthy() && !f.in.IsTruthy() {
		return other, nil
	}
	return f.in, f.args(2, "default_value", "boolean")
}

func (f *filterCall) toInt() (jinja.Value, error) {
	if err := f.args(2, "default", "base"); err != nil || !f.arg(1, "base").IsUndefined() {
		return f.in, fmt.Errorf("int: a base is not implemented")
	}
	other := f.arg(0, "default")
	if other.IsUndefined() {
		other = jinja.NewInt(0)
	}
	switch {
	case f.in.IsUndefined():
		return f.in, fmt.Errorf("int: found an undefined value")
	case f.in.IsString():
		s := strings.TrimFunc(f.r.text(f.in).s, isSpace)
		if i, err := strconv.ParseInt(strings.ReplaceAll(s, "_", "x"), 10, 64); err == nil {
			return jinja.NewInt(i), nil
		}
		if x, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(x) < 1<<62 {
			return jinja.NewInt(int64(x)), nil
		}
		return other, nil
	case f.in.IsFloat() && math.Abs(f.in.AsFloat()) < 1<<62:
		return jinja.NewInt(int64(f.in.AsFloat())), nil
	}
	if i, ok := integer(f.in); ok {
		return jinja.NewInt(i), nil
	}
	return other, nil
}

func (f *filterCall) toFloat() (jinja.Value, error) {
	other := f.arg(0, "default")
	if other.IsUndefined() {
		other = jinja.NewFloat(0)
	}
	if f.in.IsUndefined() {
		return f.in, fmt.Errorf("float: found an undefined value")
	}
	if x, ok := float(f.in); ok {
		return jinja.NewFloat(x), nil
	}
	if f.in.IsString() {
		if x, err := strconv.ParseFloat(strings.TrimFunc(f.r.text(f.in).s, isSpace), 64); err == nil {
			return jinja.NewFloat(x), nil
		}
	}
	return other, f.args(1, "default")
}

func (f *filterCall) abs() (jinja.Value, error) {
	if i, ok := integer(f.in); ok && i > math.MinInt64 {
		return jinja.NewInt(max(i, -i)), f.args(0)
	}
	if x, ok := float(f.in); ok {
		return jinja.NewFloat(math.Abs(x)), f.args(0)
	}
	return f.in, fmt.Errorf("abs: found %s, expected a number", typeName(f.in))
}

// round rounds to the nearest, halves to even, up or down.
func (f *filterCall) round() (jinja.Value, error) {
	if err := f.args(2, "precision", "method"); err != nil {
		return f.in, err
	}
	x, ok := float(f.in)
	digits, _ := integer(f.arg(0, "precision"))
	if !ok || digits < 0 || digits > 15 {
		return f.in, fmt.Errorf("round: found %s and %d digits, expected a number and 0 to 15", typeName(f.in), digits)
	}
	method := "common"
	if v := f.arg(1, "method"); v.IsString() {
		method = f.r.text(v).s
	}
	scale := math.Pow(10, float64(digits))
	switch method {
	case "common":
		s, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(digits), 64), 64)
		return jinja.NewFloat(s), nil
	case "ceil":
		return jinja.NewFloat(math.Ceil(x*scale) / scale), nil
	case "floor":
		return jinja.NewFloat(math.Floor(x*scale) / scale), nil
	}
	return f.in, fmt.Errorf("round: found method %q", method)
}
