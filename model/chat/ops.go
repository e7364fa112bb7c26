package chat

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ardanlabs/jinja"
)

// typeName is how Python would call the type of a value.
func typeName(v jinja.Value) string {
	switch {
	case v.IsUndefined():
		return "an undefined value"
	case v.IsNone():
		return "None"
	case v.IsBool():
		return "a bool"
	case v.IsInt():
		return "an int"
	case v.IsFloat():
		return "a float"
	case v.IsString():
		return "a str"
	case v.IsList():
		return "a list"
	case v.IsDict():
		return "a dict"
	}
	return "a function"
}

// describe is what errors call the value of an expression.
func describe(x *expr) string {
	switch {
	case x == nil:
		return "the value"
	case x.op == opName:
		return x.name
	case x.op == opAttr:
		return describe(x.args[0]) + "." + x.name
	case x.op == opItem && x.args[1] != nil && x.args[1].op == opConst:
		return describe(x.args[0]) + "[" + x.args[1].val.String() + "]"
	case x.op == opItem:
		return describe(x.args[0]) + "[…]"
	}
	return "the value"
}

// integer is the value as an integer: a bool counts as 0 or 1.
func integer(v jinja.Value) (int64, bool) {
	switch {
	case v.IsInt():
		return v.AsInt(), true
	case v.IsBool() && v.AsBool():
		return 1, true
	case v.IsBool():
		return 0, true
	}
	return 0, false
}

// float is the value as a floating-point number.
func float(v jinja.Value) (float64, bool) {
	if v.IsFloat() {
		return v.AsFloat(), true
	}
	i, ok := integer(v)
	return float64(i), ok
}

// concat is a ~ b ~ …
func (r *runtime) concat(a []jinja.Value) (jinja.Value, error) {
	ts := make([]text, len(a))
	for i, v := range a {
		var err error
		if ts[i], err = r.str(v); err != nil {
			return v, err
		}
	}
	return r.value(join(ts, text{})), nil
}

func (r *runtime) unary(op string, v jinja.Value) (jinja.Value, error) {
	sign := int64(1)
	if op == "-" {
		sign = -1
	}
	if v.IsFloat() {
		return jinja.NewFloat(float64(sign) * v.AsFloat()), nil
	}
	if i, ok := integer(v); ok {
		return jinja.NewInt(sign * i), nil
	}
	return v, fmt.Errorf("found %s behind %s, expected a number", typeName(v), op)
}

// binary is an operation of arithmetic, or on strings and lists.
func (r *runtime) binary(op string, a, b jinja.Value) (jinja.Value, error) {
	i, iOK := integer(a)
	j, jOK := integer(b)
	if iOK && jOK && op != "/" {
		return intBinary(op, i, j)
	}
	x, xOK := float(a)
	y, yOK := float(b)
	if xOK && yOK {
		return floatBinary(op, x, y)
	}
	switch {
	case op == "+" && a.IsString() && b.IsString():
		return r.value(r.text(a).plus(r.text(b))), nil
	case op == "+" && a.IsList() && b.IsList() && r.kind(a) == r.kind(b) && r.kind(a) <= isTuple:
		return r.list(r.kind(a), append(append([]jinja.Value{}, a.AsList().Items...), b.AsList().Items...)), nil
	case op == "*" && iOK && (b.IsString() || b.IsList()):
		return r.repeat(b, i)
	case op == "*" && jOK && (a.IsString() || a.IsList()):
		return r.repeat(a, j)
	case op == "%" && a.IsString():
		return r.percent(a, b)
	}
	return a, fmt.Errorf("found %s %s %s, expected operands that fit", typeName(a), op, typeName(b))
}

// repeat is v n times over.
func (r *runtime) repeat(v jinja.Value, n int64) (jinja.Value, error) {
	size := int64(1)
	if v.IsString() {
		size += int64(len(v.AsString()))
	} else if size += int64(v.AsList().Len()); r.kind(v) > isTuple {
		return v, fmt.Errorf("found a view * a number, expected operands that fit")
	}
	if n = max(n, 0); n > int64(maxSteps)/size {
		return v, errTooMuch
	}
	if v.IsString() {
		t := r.text(v)
		if len(t.parts) == 0 {
			return r.value(plainText(strings.Repeat(t.s, int(n)))), nil
		}
		return r.value(join(slices.Repeat([]text{t}, int(n)), text{})), nil
	}
	items := make([]jinja.Value, 0, int(n)*v.AsList().Len())
	for range n {
		items = append(items, v.AsList().Items...)
	}
	return r.list(r.kind(v), items), nil
}

func intBinary(op string, a, b int64) (jinja.Value, error) {
	var c int64
	ok := true
	switch op {
	case "+":
		c = a + b
		ok = (c > a) == (b > 0)
	case "-":
		c = a - b
		ok = (c < a) == (b > 0)
	case "*":
		c = a * b
		ok = a == 0 || c/a == b && !(a == -1 && b == math.MinInt64)
	case "//", "%":
		if b == 0 {
			return jinja.Undefined(), fmt.Errorf("division by zero")
		}
		q, m := a/b, a%b
		if m != 0 && (m < 0) != (b < 0) {
			q, m = q-1, m+b
		}
		if c = q; op == "%" {
			c = m
		}
	case "**":
		if b < 0 {
			return floatBinary(op, float64(a), float64(b))
		}
		f := math.Pow(float64(a), float64(b))
		if ok = math.Abs(f) < 1<<53; ok {
			c = int64(f)
		}
	}
	if !ok {
		return jinja.Undefined(), fmt.Errorf("%d %s %d does not fit 64 bits", a, op, b)
	}
	return jinja.NewInt(c), nil
}

func floatBinary(op string, a, b float64) (jinja.Value, error) {
	if b == 0 && strings.Contains("/ // %", op) {
		return jinja.Undefined(), fmt.Errorf("division by zero")
	}
	switch op {
	case "+":
		a += b
	case "-":
		a -= b
	case "*":
		a *= b
	case "/":
		a /= b
	case "//":
		a = math.Floor(a / b)
	case "%":
		m := math.Mod(a, b)
		if m != 0 && (m < 0) != (b < 0) {
			m += b
		}
		a = m
	case "**":
		a = math.Pow(a, b)
	}
	return jinja.NewFloat(a), nil
}

// compare is a chain of comparisons.
func (r *runtime) compare(ops []string, a []jinja.Value) (bool, error) {
	for i, op := range ops {
		ok, err := r.compareTwo(op, a[i], a[i+1])
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (r *runtime) compareTwo(op string, a, b jinja.Value) (bool, error) {
	switch op {
	case "==":
		return r.equal(a, b), nil
	case "!=":
		return !r.equal(a, b), nil
	case "in":
		return r.contains(b, a)
	case "not in":
		ok, err := r.contains(b, a)
		return !ok, err
	}
	c, err := r.order(a, b)
	switch op {
	case "<":
		return c < 0, err
	case "<=":
		return c <= 0, err
	case ">":
		return c == 1, err
	}
	return c >= 0 && c != unordered, err
}

// equal is Python's ==.
func (r *runtime) equal(a, b jinja.Value) bool {
	r.spend(1)
	x, xOK := float(a)
	y, yOK := float(b)
	switch {
	case a.IsInt() && b.IsInt():
		return a.AsInt() == b.AsInt()
	case xOK && yOK:
		return x == y
	case a.IsString() && b.IsString():
		return r.text(a).s == r.text(b).s
	case a.IsList() && b.IsList():
		return a.AsList() == b.AsList() || r.kind(a) == r.kind(b) && r.kind(a) <= isTuple && r.equalItems(a.AsList().Items, b.AsList().Items)
	case a.IsDict() && b.IsDict():
		return r.equalDicts(a.AsDict(), b.AsDict())
	case a.IsCallable() && b.IsCallable():
		return a.AsCallable().Name == b.AsCallable().Name
	}
	return a.IsNone() && b.IsNone() || a.IsUndefined() && b.IsUndefined()
}

func (r *runtime) equalItems(a, b []jinja.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !r.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (r *runtime) equalDicts(a, b *jinja.Dict) bool {
	if a == b {
		return true
	}
	if a.Len() != b.Len() || r.namespaces[a] || r.namespaces[b] {
		return false
	}
	for _, k := range a.Keys {
		v, ok := b.Get(k)
		if !ok || !r.equal(a.Data[k], v) {
			return false
		}
	}
	return true
}

// contains is Python's `v in container`.
func (r *runtime) contains(container, v jinja.Value) (bool, error) {
	switch {
	case container.IsString():
		if !v.IsString() {
			return false, fmt.Errorf("found %s in a str, expected a str", typeName(v))
		}
		return strings.Contains(r.text(container).s, r.text(v).s), nil
	case container.IsDict() && !r.namespaces[container.AsDict()]:
		return v.IsString() && container.AsDict().Has(r.text(v).s), nil
	}
	items, err := r.iterate(container)
	for _, x := range items {
		if r.equal(x, v) {
			return true, nil
		}
	}
	return false, err
}

const unordered = 2 // NaN

// order is −1, 0 or 1, or unordered.
func (r *runtime) order(a, b jinja.Value) (int, error) {
	x, xOK := float(a)
	y, yOK := float(b)
	switch {
	case xOK && yOK:
		switch {
		case x < y:
			return -1, nil
		case x > y:
			return 1, nil
		case x == y:
			return 0, nil
		}
		return unordered, nil
	case a.IsString() && b.IsString():
		return strings.Compare(r.text(a).s, r.text(b).s), nil
	case a.IsList() && b.IsList() && r.kind(a) == r.kind(b) && r.kind(a) <= isTuple:
		p, q := a.AsList().Items, b.AsList().Items
		for i := range min(len(p), len(q)) {
			if !r.equal(p[i], q[i]) {
				return r.order(p[i], q[i])
			}
		}
		return min(max(len(p)-len(q), -1), 1), nil
	}
	return unordered, fmt.Errorf("found %s and %s, expected values that can be ordered", typeName(a), typeName(b))
}
