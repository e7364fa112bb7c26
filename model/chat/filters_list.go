package chat

import (
	"fmt"
	"slices"

	"github.com/ardanlabs/jinja"
)

// end is first and last.
func (f *filterCall) end() (jinja.Value, error) {
	items, err := f.r.iterate(f.in)
	if err == nil {
		err = f.args(0)
	}
	switch {
	case err != nil || len(items) == 0:
		return jinja.Undefined(), err
	case f.name == "first":
		return items[0], nil
	}
	return items[len(items)-1], nil
}

func (f *filterCall) list() (jinja.Value, error) {
	items, err := f.r.iterate(f.in)
	if err == nil {
		err = f.args(0)
	}
	return f.r.list(isList, slices.Clone(items)), err
}

func (f *filterCall) reverse() (jinja.Value, error) {
	items, err := f.r.iterate(f.in)
	items = slices.Clone(items)
	slices.Reverse(items)
	if f.in.IsString() {
		ts := make([]text, len(items))
		for i, v := range items {
			ts[i] = f.r.text(v)
		}
		return f.r.value(join(ts, text{})), err
	}
	return f.r.list(isGenerator, items), err
}

func (f *filterCall) items() (jinja.Value, error) {
	if f.in.IsUndefined() {
		return f.r.list(isGenerator, nil), nil
	}
	if !f.in.IsDict() {
		return f.in, fmt.Errorf("items: found %s, expected a mapping", typeName(f.in))
	}
	v, err := f.r.methodOf(f.in, "items", nil, nil)
	if err == nil {
		v = f.r.list(isGenerator, v.AsList().Items)
	}
	return v, err
}

// folded is v for an order that ignores case.
func (f *filterCall) folded(v jinja.Value, sensitive bool) jinja.Value {
	if v.IsString() && !sensitive {
		return f.r.value(f.r.cased(plainText(f.r.text(v).s), "lower"))
	}
	return v
}

func (f *filterCall) dictsort() (jinja.Value, error) {
	if err := f.args(3, "case_sensitive", "by", "reverse"); err != nil {
		return f.in, err
	}
	if !f.in.IsDict() {
		return f.in, fmt.Errorf("dictsort: found %s, expected a dict", typeName(f.in))
	}
	at := 0
	if v := f.arg(1, "by"); v.IsString() && f.r.text(v).s == "value" {
		at = 1
	}
	pairs, err := f.r.methodOf(f.in, "items", nil, nil)
	if err != nil {
		return f.in, err
	}
	items, err := f.sorted(pairs.AsList().Items, f.arg(2, "reverse").IsTruthy(), func(v jinja.Value) (jinja.Value, error) {
		return f.folded(v.AsList().Items[at], f.arg(0, "case_sensitive").IsTruthy()), nil
	})
	return f.r.list(isList, items), err
}

func (f *filterCall) sort() (jinja.Value, error) {
	if err := f.args(3, "reverse", "case_sensitive", "attribute"); err != nil {
		return f.in, err
	}
	items, err := f.r.iterate(f.in)
	if err != nil {
		return f.in, err
	}
	items, err = f.sorted(items, f.arg(0, "reverse").IsTruthy(), func(v jinja.Value) (jinja.Value, error) {
		v, err := f.by(v, f.arg(2, "attribute"))
		return f.folded(v, f.arg(1, "case_sensitive").IsTruthy()), err
	})
	return f.r.list(isList, items), err
}

// sorted is Python's stable sort by a key.
func (f *filterCall) sorted(items []jinja.Value, reverse bool, key func(jinja.Value) (jinja.Value, error)) ([]jinja.Value, error) {
	type keyed struct{ key, value jinja.Value }
	ks := make([]keyed, len(items))
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		ks[i] = keyed{k, v}
	}
	var failed error
	slices.SortStableFunc(ks, func(a, b keyed) int {
		c, err := f.r.order(a.key, b.key)
		if err != nil || c == unordered {
			if failed == nil {
				failed = fmt.Errorf("%s: %w", f.name, cmpErr(err))
			}
			return 0
		}
		if reverse {
			return -c
		}
		return c
	})
	out := make([]jinja.Value, len(ks))
	for i, k := range ks {
		out[i] = k.value
	}
	return out, failed
}

func cmpErr(err error) error {
	if err == nil {
		return fmt.Errorf("found NaN, expected values that can be ordered")
	}
	return err
}

func (f *filterCall) unique() (jinja.Value, error) {
	if err := f.args(2, "case_sensitive", "attribute"); err != nil {
		return f.in, err
	}
	items, err := f.r.iterate(f.in)
	var out, seen []jinja.Value
	for _, v := range items {
		k, e := f.by(v, f.arg(1, "attribute"))
		if e != nil {
			return v, e
		}
		k = f.folded(k, f.arg(0, "case_sensitive").IsTruthy())
		if !slices.ContainsFunc(seen, func(s jinja.Value) bool { return f.r.equal(s, k) }) {
			seen, out = append(seen, k), append(out, v)
		}
		if err := f.r.charge(len(seen)); err != nil {
			return v, err
		}
	}
	return f.r.list(isGenerator, out), err
}

func (f *filterCall) sum() (jinja.Value, error) {
	if err := f.args(2, "attribute", "start"); err != nil {
		return f.in, err
	}
	items, err := f.r.iterate(f.in)
	total := f.arg(1, "start")
	if total.IsUndefined() {
		total = jinja.NewInt(0)
	}
	for _, v := range items {
		if v, err = f.by(v, f.arg(0, "attribute")); err != nil {
			return v, err
		}
		if total, err = f.r.binary("+", total, v); err != nil {
			return v, err
		}
	}
	return total, err
}

// extreme is min and max.
func (f *filterCall) extreme() (jinja.Value, error) {
	if err := f.args(2, "case_sensitive", "attribute"); err != nil {
		return f.in, err
	}
	items, err := f.r.iterate(f.in)
	if err != nil || len(items) == 0 {
		return jinja.Undefined(), err
	}
	key := func(v jinja.Value) (jinja.Value, error) {
		v, err := f.by(v, f.arg(1, "attribute"))
		return f.folded(v, f.arg(0, "case_sensitive").IsTruthy()), err
	}
	best := items[0]
	bestKey, err := key(best)
	for _, v := range items[1:] {
		k, e := key(v)
		if e != nil || err != nil {
			return v, cmpErr(e)
		}
		c, e := f.r.order(k, bestKey)
		if e != nil {
			return v, e
		}
		if f.name == "min" && c == -1 || f.name == "max" && c == 1 {
			best, bestKey = v, k
		}
	}
	return best, err
}

// lazily lists the items that map, select and their like go through: none of
// anything that counts as false.
func (f *filterCall) lazily() ([]jinja.Value, error) {
	if !f.in.IsTruthy() {
		return nil, nil
	}
	return f.r.iterate(f.in)
}

// mapItems is map(attribute=…, default=…) or map("filter", …).
func (f *filterCall) mapItems() (jinja.Value, error) {
	items, err := f.lazily()
	if err != nil {
		return f.in, err
	}
	out := make([]jinja.Value, len(items))
	for i, v := range items {
		if out[i], err = f.mapped(v); err != nil {
			return v, err
		}
	}
	return f.r.list(isGenerator, out), nil
}

func (f *filterCall) mapped(v jinja.Value) (jinja.Value, error) {
	if len(f.pos) == 0 {
		if err := f.args(0, "attribute", "default"); err != nil {
			return v, err
		}
		x, err := f.by(v, f.named["attribute"])
		if err == nil && x.IsUndefined() && !f.named["default"].IsUndefined() {
			x = f.named["default"]
		}
		return x, err
	}
	if !f.pos[0].IsString() {
		return v, fmt.Errorf("map: found %s, expected the name of a filter", typeName(f.pos[0]))
	}
	return f.r.filterBy(f.r.text(f.pos[0]).s, v, f.pos[1:], f.named)
}

// choose is select, reject, selectattr and rejectattr.
func (f *filterCall) choose() (jinja.Value, error) {
	items, err := f.lazily()
	if err != nil {
		return f.in, err
	}
	attribute, rest := jinja.Undefined(), f.pos
	if f.name == "selectattr" || f.name == "rejectattr" {
		if len(rest) == 0 {
			return f.in, fmt.Errorf("%s: expected the name of an attribute", f.name)
		}
		attribute, rest = rest[0], rest[1:]
	}
	var out []jinja.Value
	for _, v := range items {
		x, err := f.by(v, attribute)
		if err != nil {
			return v, err
		}
		ok := x.IsTruthy()
		if len(rest) > 0 {
			if !rest[0].IsString() {
				return v, fmt.Errorf("%s: found %s, expected the name of a test", f.name, typeName(rest[0]))
			}
			if ok, err = f.r.testBy(f.r.text(rest[0]).s, x, rest[1:]); err != nil {
				return v, err
			}
		}
		if ok == (f.name[0] == 's') {
			out = append(out, v)
		}
	}
	return f.r.list(isGenerator, out), nil
}

// attr is the attribute, and never the item, of a name.
func (f *filterCall) attr() (jinja.Value, error) {
	if f.in.IsDict() && f.r.namespaces[f.in.AsDict()] && len(f.pos) == 1 && f.pos[0].IsString() {
		return f.r.attr(f.in, f.r.text(f.pos[0]).s, nil)
	}
	return jinja.Undefined(), fmt.Errorf("the filter \"attr\" is implemented for namespaces only")
}
