package chat

import (
	"errors"
	"fmt"

	"github.com/ardanlabs/jinja"
)

// Limits on what one rendering may do, so that no template runs on for ever or
// takes memory without end: operations and items of loops, bytes of strings, each
// plus some for every byte of input, and macros inside of macros.
const (
	maxSteps  = 2_000_000
	minBytes  = 64 << 20
	perByte   = 4096
	perStep   = 32 // bytes of allowance for one more step
	maxMacros = 150
)

// runtime is one rendering: it answers the calls of a program.
type runtime struct {
	t     *Template
	p     *program
	marks marks
	steps int // that may still be done
	bytes int // that may still be made
	depth int // macros under way

	kinds      map[*jinja.List]listKind
	namespaces map[*jinja.Dict]bool
	origins    map[any]int // of lists and dictionaries of messages
	line, at   int         // of the first error, of the last call
	named      []string    // arguments of the function under way, in order
}

// listKind tells what Python type a list stands for.
type listKind uint8

const (
	isList listKind = iota
	isTuple
	isRange
	isView      // what keys, values and items return
	isGenerator // what map, select and their like return: can be read once
)

// missing is what a macro gets for a parameter that its call left out.
var missing = jinja.NewCallable("\x00missing", nil)

var errTooMuch = errors.New("the template does more than is allowed for one rendering")

// call is the function that programs call: site, operands.
func (r *runtime) call(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
	x := r.p.sites[args[0].AsInt()]
	if r.line == 0 {
		r.at = x.line
	}
	if err := r.charge(1); err != nil {
		return jinja.Undefined(), err
	}
	v, err := r.eval(x, args[1:])
	if err != nil && r.line == 0 {
		r.line = x.line
	}
	return v, err
}

func (r *runtime) charge(steps int) error {
	if r.steps -= steps; r.steps < 0 {
		return errTooMuch
	}
	return nil
}

// spend is charge where there is no error to give: it stops the rendering.
func (r *runtime) spend(steps int) {
	if err := r.charge(steps); err != nil {
		panic(err)
	}
}

func (r *runtime) eval(x *expr, a []jinja.Value) (jinja.Value, error) {
	switch x.op {
	case opConst:
		return x.val, nil
	case opAttr:
		return r.attr(a[0], x.name, x.args[0])
	case opItem:
		return r.item(a[0], a[1], x.args[0])
	case opSlice:
		return r.slice(a[0], a[1:])
	case opCall:
		return r.invoke(x, a)
	case opMethod:
		return r.method(x, a)
	case opFilter:
		return r.filter(x, a)
	case opTest:
		ok, err := r.test(x, a)
		return jinja.NewBool(ok), err
	case opBinary:
		return r.binary(x.name, a[0], a[1])
	case opCompare:
		ok, err := r.compare(x.ops, a)
		return jinja.NewBool(ok), err
	case opConcat:
		return r.concat(a)
	case opUnary:
		return r.unary(x.name, a[0])
	case opList:
		return jinja.NewList(a), nil
	case opTuple:
		return r.list(isTuple, a), nil
	case opDict:
		return r.dict(a)
	case opPrint:
		s, err := r.str(a[0])
		s.markup = false
		return r.value(s), err
	case opIter:
		return r.loop(a[0])
	case opUnpack:
		return r.unpack(a[0], len(x.args))
	case opMissing:
		return jinja.NewBool(a[0].IsCallable() && a[0].AsCallable().Name == "\x00missing"), nil
	case opAssign:
		if !a[0].IsDict() || !r.namespaces[a[0].AsDict()] {
			return jinja.Undefined(), fmt.Errorf("cannot assign the attribute %q of %s, which is no namespace", x.name, typeName(a[0]))
		}
		return a[1], nil
	}
	panic("chat: unknown operation")
}

// text reads a string.
func (r *runtime) text(v jinja.Value) text { return r.marks.decode(v.AsString()) }

// value makes a string.
func (r *runtime) value(t text) jinja.Value {
	if r.bytes -= len(t.s); r.bytes < 0 {
		panic(errTooMuch)
	}
	return jinja.NewString(r.marks.encode(t))
}

func (r *runtime) texts(ts []text) []jinja.Value {
	r.spend(len(ts))
	out := make([]jinja.Value, len(ts))
	for i, t := range ts {
		out[i] = r.value(t)
	}
	return out
}

// list makes a list of some kind.
func (r *runtime) list(k listKind, items []jinja.Value) jinja.Value {
	if r.bytes -= 32 * len(items); r.bytes < 0 {
		panic(errTooMuch)
	}
	v := jinja.NewList(items)
	if k != isList {
		r.kinds[v.AsList()] = k
	}
	return v
}

func (r *runtime) kind(v jinja.Value) listKind { return r.kinds[v.AsList()] }

// key is a string of a dictionary, with the origin of the dictionary.
func (r *runtime) key(d *jinja.Dict, k string) jinja.Value {
	if o, ok := r.origins[d]; ok && k != "" {
		return r.value(text{s: k, parts: []part{{0, len(k), o}}})
	}
	return r.value(plainText(k))
}

// loop lists what a for statement goes through.
func (r *runtime) loop(v jinja.Value) (jinja.Value, error) {
	items, err := r.iterate(v)
	if err != nil {
		return v, err
	}
	return jinja.NewList(items), r.charge(len(items))
}

// iterate lists the items of what Python can iterate over.
func (r *runtime) iterate(v jinja.Value) ([]jinja.Value, error) {
	switch {
	case v.IsUndefined():
		return nil, nil
	case v.IsString():
		return r.texts(r.text(v).runes()), nil
	case v.IsDict() && !r.namespaces[v.AsDict()]:
		d := v.AsDict()
		out := make([]jinja.Value, 0, d.Len())
		for _, k := range d.Keys {
			out = append(out, r.key(d, k))
		}
		return out, nil
	case v.IsList():
		l := v.AsList()
		items := l.Items
		if r.kinds[l] == isGenerator {
			l.Items = nil
		}
		return items, nil
	}
	return nil, fmt.Errorf("%s is not iterable", typeName(v))
}

func (r *runtime) unpack(v jinja.Value, n int) (jinja.Value, error) {
	if v.IsUndefined() {
		return v, fmt.Errorf("an undefined value cannot be unpacked")
	}
	items, err := r.iterate(v)
	if err == nil && len(items) != n {
		err = fmt.Errorf("found %d values to unpack, expected %d", len(items), n)
	}
	return jinja.NewList(items), err
}

// dict makes a dictionary of keys and values that alternate.
func (r *runtime) dict(a []jinja.Value) (jinja.Value, error) {
	v := jinja.NewDict()
	for i := 0; i < len(a); i += 2 {
		k, err := r.dictKey(a[i])
		if err != nil {
			return v, err
		}
		v.AsDict().Set(k, a[i+1])
	}
	return v, nil
}

func (r *runtime) dictKey(v jinja.Value) (string, error) {
	if !v.IsString() {
		return "", fmt.Errorf("found a key that is %s; dictionaries with other keys than strings are not implemented", typeName(v))
	}
	return r.text(v).s, nil
}

// invoke calls a value: a function of the template's world, or a macro.
func (r *runtime) invoke(x *expr, a []jinja.Value) (jinja.Value, error) {
	f := a[0]
	if f.IsUndefined() {
		return f, fmt.Errorf("%s is undefined", describe(x.args[0]))
	}
	if !f.IsCallable() {
		return f, fmt.Errorf("%s is not callable", typeName(f))
	}
	pos, named := arguments(x, a[1:])
	c := f.AsCallable()
	var n int
	if k, _ := fmt.Sscanf(c.Name, macroPrefix+"%d", &n); k == 1 && n < len(r.p.macros) {
		return r.macro(c, r.p.macros[n], pos, named)
	}
	r.named = x.named
	return c.Fn(pos, named)
}

// arguments splits what a call gives.
func arguments(x *expr, a []jinja.Value) ([]jinja.Value, map[string]jinja.Value) {
	n := len(a) - len(x.named)
	named := make(map[string]jinja.Value, len(x.named))
	for i, name := range x.named {
		named[name] = a[n+i]
	}
	return a[:n], named
}

func (r *runtime) macro(c *jinja.Callable, params []param, pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	if len(pos) > len(params) {
		return jinja.Undefined(), fmt.Errorf("a macro takes %d arguments, found %d", len(params), len(pos))
	}
	full := make([]jinja.Value, len(params))
	for i, p := range params {
		v, ok := named[p.name]
		switch {
		case i < len(pos) && ok:
			return v, fmt.Errorf("a macro got two values for %q", p.name)
		case i < len(pos):
			v = pos[i]
		case !ok:
			v = missing
		}
		delete(named, p.name)
		full[i] = v
	}
	for name := range named {
		return jinja.Undefined(), fmt.Errorf("a macro takes no argument %q", name)
	}
	if r.depth++; r.depth > maxMacros {
		return jinja.Undefined(), fmt.Errorf("macros call each other more than %d deep", maxMacros)
	}
	v, err := c.Fn(full, nil)
	r.depth--
	return v, err
}
