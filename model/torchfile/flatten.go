package torchfile

import (
	"fmt"
	"strconv"

	"github.com/nlpodyssey/gopickle/types"
)

// maxDepth is how deep dictionaries may stand in each other.
const maxDepth = 32

// Upper estimates of what is allocated for a name beside its bytes, and for a list
// that may come again beside its values. Most of it is maps that grow.
const (
	nameCost = 320
	listCost = 256
)

// flattener collects tensors and values under joined keys.
type flattener struct {
	f    *File
	left int64         // bytes that names may still take
	seen map[any]bool  // dictionaries and lists that were entered
	done map[any][]any // lists of plain values
}

// flatten takes apart the value of a pickle. A dictionary may stand in one place
// only: shared ones could make more names than any memory holds.
func (f *File) flatten(root any, budget int64) error {
	x := &flattener{f: f, left: budget, seen: map[any]bool{}, done: map[any][]any{}}
	return x.value("", root, 0)
}

// value files v under name.
func (x *flattener) value(name string, v any, depth int) error {
	switch t := v.(type) {
	case *view:
		return x.tensor(name, t)
	case *types.Dict:
		return x.dict(name, t, depth)
	case *types.OrderedDict:
		return x.ordered(name, t, depth)
	case *types.List:
		return x.list(name, t, *t, depth)
	case *types.Tuple:
		return x.list(name, t, *t, depth)
	}
	p, ok := plain(v)
	if !ok {
		return fmt.Errorf("%q: found %s, expected a tensor, a number, a string, a list or a dictionary", name, describe(v))
	}
	return x.keep(name, p)
}

// plain is a scalar as Value gives it.
func plain(v any) (any, bool) {
	switch t := v.(type) {
	case nil, bool, float64, string:
		return t, true
	case int:
		return int64(t), true
	}
	return nil, false
}

// describe names what a value stands for. A pickle may hold itself, so that printing
// one whole need not end.
func describe(v any) string {
	switch v := v.(type) {
	case int:
		return strconv.Itoa(v)
	case *storage:
		return "a bare storage"
	case storageType, function, *types.OrderedDictClass:
		return "a class or function"
	}
	return fmt.Sprintf("%T", v)
}

// fits counts the bytes of a name and refuses it when it is taken.
func (x *flattener) fits(name string) error {
	if x.left -= int64(len(name)) + nameCost; x.left < 0 {
		return fmt.Errorf("%.100q…: the joined keys take more than 8 times the file", name)
	}
	_, isTensor := x.f.tensors[name]
	if _, isValue := x.f.values[name]; isTensor || isValue {
		return fmt.Errorf("%q: found it twice, expected every key once", name)
	}
	return nil
}

func (x *flattener) keep(name string, v any) error {
	if err := x.fits(name); err != nil {
		return err
	}
	x.f.values[name] = v
	x.f.keys = append(x.f.keys, name)
	return nil
}

func (x *flattener) tensor(name string, v *view) error {
	if err := x.fits(name); err != nil {
		return err
	}
	x.f.tensors[name] = v.tensor(name)
	x.f.names = append(x.f.names, name)
	return nil
}

// enter refuses containers that are met twice or stand too deep.
func (x *flattener) enter(name string, container any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%.100q…: found dictionaries more than %d deep", name, maxDepth)
	}
	if x.seen[container] {
		return fmt.Errorf("%q: found a dictionary or list that stands elsewhere too, expected it in one place", name)
	}
	x.seen[container] = true
	return nil
}

func (x *flattener) dict(name string, d *types.Dict, depth int) error {
	if err := x.enter(name, d, depth); err != nil {
		return err
	}
	for _, e := range *d {
		if err := x.item(name, e.Key, e.Value, depth); err != nil {
			return err
		}
	}
	return nil
}

func (x *flattener) ordered(name string, d *types.OrderedDict, depth int) error {
	if err := x.enter(name, d, depth); err != nil {
		return err
	}
	for at := d.List.Front(); at != nil; at = at.Next() {
		e, ok := at.Value.(*types.OrderedDictEntry)
		if !ok {
			return fmt.Errorf("%q: found %T in a dictionary", name, at.Value)
		}
		if err := x.item(name, e.Key, e.Value, depth); err != nil {
			return err
		}
	}
	return nil
}

// item files one entry of a container under the joined key.
func (x *flattener) item(name string, key, value any, depth int) error {
	var k string
	switch t := key.(type) {
	case string:
		k = t
	case int:
		k = strconv.Itoa(t)
	default:
		return fmt.Errorf("%q: found a key of type %T, expected a string or an integer", name, key)
	}
	if name != "" {
		if int64(len(name)+len(k)) > x.left {
			return fmt.Errorf("%.100q…: the joined keys take more than 8 times the file", name)
		}
		k = name + "." + k
		x.left -= int64(len(k))
	}
	return x.value(k, value, depth+1)
}

// list files a list of plain values as one value and any other by index.
func (x *flattener) list(name string, container any, items []any, depth int) error {
	if p, ok := x.done[container]; ok {
		return x.keep(name, p)
	}
	out := make([]any, len(items))
	for i, v := range items {
		var ok bool
		if out[i], ok = plain(v); !ok {
			return x.items(name, container, items, depth)
		}
	}
	if len(out) > 0 {
		x.left -= listCost + 16*int64(len(out))
		x.done[container] = out
	}
	return x.keep(name, out)
}

func (x *flattener) items(name string, container any, items []any, depth int) error {
	if err := x.enter(name, container, depth); err != nil {
		return err
	}
	for i, v := range items {
		if err := x.item(name, i, v, depth); err != nil {
			return err
		}
	}
	return nil
}
