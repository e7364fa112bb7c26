package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"
)

// Attributes that dictionaries, lists and strings have in Python. Those that
// change what they belong to are out of reach in the sandbox that transformers
// renders in.
var (
	dictMethods = []string{"copy", "get", "items", "keys", "values"}
	dictUnsafe  = []string{"clear", "pop", "popitem", "setdefault", "update"}
	listMethods = []string{"copy", "count", "index"}
	listUnsafe  = []string{"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}
	viewMethods = []string{"isdisjoint", "mapping"}
)

// attr is v.name: an attribute of the Python type, else the item of that name.
func (r *runtime) attr(v jinja.Value, name string, of *expr) (jinja.Value, error) {
	if strings.HasPrefix(name, "__") {
		return v, fmt.Errorf("access to the attribute %q is not allowed", name)
	}
	switch {
	case v.IsUndefined():
		return v, fmt.Errorf("%s is undefined, so it has no attribute %q", describe(of), name)
	case v.IsDict() && r.namespaces[v.AsDict()]:
		item, _ := v.AsDict().Get(name)
		return item, nil
	case v.IsDict() && slices.Contains(dictMethods, name), v.IsString() && stringMethods[name] != nil, v.IsList() && r.kind(v) <= isTuple && slices.Contains(listMethods, name):
		return r.bound(v, name), nil
	case v.IsDict() && slices.Contains(dictUnsafe, name) && !v.AsDict().Has(name), v.IsList() && slices.Contains(listUnsafe, name), v.IsList() && slices.Contains(viewMethods, name):
		return jinja.NewCallable("\x00unsafe "+name, nil), nil
	case v.IsDict():
		item, _ := v.AsDict().Get(name)
		return item, nil
	case v.IsFloat() || v.IsInt() || v.IsBool() || v.IsCallable():
		if v.IsCallable() && v.AsCallable().Fn == nil {
			return v, fmt.Errorf("access to the attribute %q is not allowed", name)
		}
		return jinja.Undefined(), nil
	}
	return jinja.Undefined(), nil
}

// bound is a method as a value; calling it later works as calling it at once.
func (r *runtime) bound(v jinja.Value, name string) jinja.Value {
	return jinja.NewCallable("\x00bound "+name, func(pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
		return r.methodOf(v, name, pos, named)
	})
}

// item is v[key].
func (r *runtime) item(v, key jinja.Value, of *expr) (jinja.Value, error) {
	if v.IsUndefined() {
		return v, fmt.Errorf("%s is undefined, so it has no items", describe(of))
	}
	if v.IsDict() && key.IsString() && !r.namespaces[v.AsDict()] {
		if item, ok := v.AsDict().Get(r.text(key).s); ok {
			return item, nil
		}
	}
	if i, ok := integer(key); ok && (v.IsString() || v.IsList()) {
		return r.index(v, i)
	}
	if key.IsString() {
		return r.attr(v, r.text(key).s, of)
	}
	return jinja.Undefined(), nil
}

// index is element i, from the end when i is negative, undefined beyond.
func (r *runtime) index(v jinja.Value, i int64) (jinja.Value, error) {
	if v.IsList() && r.kind(v) > isRange {
		return jinja.Undefined(), nil
	}
	n := r.length(v)
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return jinja.Undefined(), nil
	}
	if v.IsList() {
		return v.AsList().Items[i], nil
	}
	t := r.text(v)
	at := t.offset(int(i))
	return r.value(t.slice(at, at+t.slice(at, len(t.s)).offset(1))), nil
}

// length is the number of items or characters.
func (r *runtime) length(v jinja.Value) int {
	switch {
	case v.IsString():
		return r.text(v).len()
	case v.IsList():
		return v.AsList().Len()
	case v.IsDict():
		return v.AsDict().Len()
	}
	return 0
}

// slice is v[start:stop:step].
func (r *runtime) slice(v jinja.Value, bounds []jinja.Value) (jinja.Value, error) {
	if v.IsUndefined() {
		return v, fmt.Errorf("found a slice of an undefined value")
	}
	if !v.IsString() && !(v.IsList() && r.kind(v) <= isRange) {
		return v, fmt.Errorf("found a slice of %s, expected a str or a list", typeName(v))
	}
	n := r.length(v)
	at, err := sliceIndices(bounds, n)
	if err != nil {
		return v, err
	}
	if v.IsList() {
		items := make([]jinja.Value, len(at))
		for i, k := range at {
			items[i] = v.AsList().Items[k]
		}
		return r.list(r.kind(v), items), nil
	}
	t := r.text(v)
	if len(at) > 0 && at[len(at)-1]-at[0] == len(at)-1 {
		return r.value(t.slice(t.offset(at[0]), t.offset(at[len(at)-1]+1))), nil
	}
	chars := t.runes()
	out := make([]text, len(at))
	for i, k := range at {
		out[i] = chars[k]
	}
	return r.value(join(out, text{})), nil
}

// sliceIndices are the elements of a slice of n, as Python counts them.
func sliceIndices(bounds []jinja.Value, n int) ([]int, error) {
	var given [3]*int64
	for i, b := range bounds {
		if b.IsUndefined() || b.IsNone() {
			continue
		}
		k, ok := integer(b)
		if !ok {
			return nil, fmt.Errorf("found %s in a slice, expected an integer", typeName(b))
		}
		given[i] = &k
	}
	step := int64(1)
	if given[2] != nil {
		step = *given[2]
	}
	if step == 0 {
		return nil, fmt.Errorf("found a slice of step 0")
	}
	low, high := int64(0), int64(n)
	start, stop := low, high
	if step < 0 {
		low, high = -1, int64(n)-1
		start, stop = high, low
	}
	for i, to := range []*int64{&start, &stop} {
		if k := given[i]; k != nil {
			*to = *k
			if *to < 0 {
				*to += int64(n)
			}
			*to = min(max(*to, low), high)
		}
	}
	var out []int
	step = min(max(step, -int64(n)-1), int64(n)+1)
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, int(i))
	}
	return out, nil
}

// method is a call obj.name(…).
func (r *runtime) method(x *expr, a []jinja.Value) (jinja.Value, error) {
	f, err := r.attr(a[0], x.name, x.args[0])
	if err != nil {
		return f, err
	}
	pos, named := arguments(x, a[1:])
	if !f.IsCallable() {
		if f.IsUndefined() {
			return f, fmt.Errorf("%s has no method %q", typeName(a[0]), x.name)
		}
		return f, fmt.Errorf("%s is not callable", typeName(f))
	}
	c := f.AsCallable()
	switch {
	case c.Fn == nil:
		return f, fmt.Errorf("the method %q of %s is not allowed in templates", x.name, typeName(a[0]))
	case strings.HasPrefix(c.Name, macroPrefix):
		return r.invoke(&expr{op: opCall, args: []*expr{nil}, named: x.named, line: x.line}, append([]jinja.Value{f}, a[1:]...))
	}
	return c.Fn(pos, named)
}

// methodOf calls a method of a Python type.
func (r *runtime) methodOf(v jinja.Value, name string, pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if v.IsString() {
		return r.stringMethod(v, name, pos, named)
	}
	if len(named) > 0 {
		return v, fmt.Errorf("%s takes no named arguments", name)
	}
	if v.IsList() {
		return r.listMethod(v, name, pos)
	}
	d := v.AsDict()
	switch name {
	case "get":
		return r.get(d, pos)
	case "copy":
		return r.copyDict(d), nil
	}
	if len(pos) > 0 {
		return v, fmt.Errorf("%s takes no arguments, found %d", name, len(pos))
	}
	out := make([]jinja.Value, 0, d.Len())
	for _, k := range d.Keys {
		switch name {
		case "keys":
			out = append(out, r.key(d, k))
		case "values":
			out = append(out, d.Data[k])
		default:
			out = append(out, r.list(isTuple, []jinja.Value{r.key(d, k), d.Data[k]}))
		}
	}
	return r.list(isView, out), nil
}

func (r *runtime) get(d *jinja.Dict, pos []jinja.Value) (jinja.Value, error) {
	if len(pos) < 1 || len(pos) > 2 {
		return jinja.None(), fmt.Errorf("get takes one or two arguments, found %d", len(pos))
	}
	if pos[0].IsString() {
		if v, ok := d.Get(r.text(pos[0]).s); ok {
			return v, nil
		}
	}
	if len(pos) == 2 {
		return pos[1], nil
	}
	return jinja.None(), nil
}

func (r *runtime) copyDict(d *jinja.Dict) jinja.Value {
	v := jinja.NewDict()
	for _, k := range d.Keys {
		v.AsDict().Set(k, d.Data[k])
	}
	if o, ok := r.origins[d]; ok {
		r.origins[v.AsDict()] = o
	}
	return v
}

func (r *runtime) listMethod(v jinja.Value, name string, pos []jinja.Value) (jinja.Value, error) {
	items := v.AsList().Items
	if name == "copy" {
		return r.list(isList, slices.Clone(items)), nil
	}
	if len(pos) != 1 {
		return v, fmt.Errorf("%s takes one argument, found %d", name, len(pos))
	}
	n, first := 0, -1
	for i, x := range items {
		if r.equal(x, pos[0]) {
			if n++; first < 0 {
				first = i
			}
		}
	}
	if name == "count" {
		return jinja.NewInt(int64(n)), nil
	}
	if first < 0 {
		return v, fmt.Errorf("index: the value is not in the list")
	}
	return jinja.NewInt(int64(first)), nil
}
