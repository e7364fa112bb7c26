package chat

import (
	"fmt"
	"strings"

	"github.com/ardanlabs/jinja"
)

// unaryTests are Jinja's tests without an argument.
var unaryTests = map[string]func(*runtime, jinja.Value) bool{
	"defined":   func(_ *runtime, v jinja.Value) bool { return !v.IsUndefined() },
	"undefined": func(_ *runtime, v jinja.Value) bool { return v.IsUndefined() },
	"none":      func(_ *runtime, v jinja.Value) bool { return v.IsNone() },
	"boolean":   func(_ *runtime, v jinja.Value) bool { return v.IsBool() },
	"true":      func(_ *runtime, v jinja.Value) bool { return v.IsBool() && v.AsBool() },
	"false":     func(_ *runtime, v jinja.Value) bool { return v.IsBool() && !v.AsBool() },
	"integer":   func(_ *runtime, v jinja.Value) bool { return v.IsInt() },
	"float":     func(_ *runtime, v jinja.Value) bool { return v.IsFloat() },
	"number":    func(_ *runtime, v jinja.Value) bool { return v.IsNumber() || v.IsBool() },
	"string":    func(_ *runtime, v jinja.Value) bool { return v.IsString() },
	"mapping":   func(r *runtime, v jinja.Value) bool { return v.IsDict() && !r.namespaces[v.AsDict()] },
	"sequence": func(r *runtime, v jinja.Value) bool {
		return v.IsUndefined() || v.IsString() || v.IsList() && r.kind(v) <= isRange || v.IsDict() && !r.namespaces[v.AsDict()]
	},
	"iterable": func(r *runtime, v jinja.Value) bool {
		return v.IsUndefined() || v.IsString() || v.IsList() || v.IsDict() && !r.namespaces[v.AsDict()]
	},
	"callable": func(_ *runtime, v jinja.Value) bool { return v.IsCallable() },
	"escaped":  func(*runtime, jinja.Value) bool { return false },
}

// comparisons are the tests that are operators.
var comparisons = map[string]string{
	"eq": "==", "equalto": "==", "ne": "!=", "lt": "<", "lessthan": "<", "le": "<=", "gt": ">", "greaterthan": ">", "ge": ">=", "in": "in",
}

func (r *runtime) test(x *expr, a []jinja.Value) (bool, error) {
	if len(x.named) > 0 {
		return false, fmt.Errorf("the test %q takes no named arguments", x.name)
	}
	return r.testBy(x.name, a[0], a[1:])
}

func (r *runtime) testBy(name string, v jinja.Value, args []jinja.Value) (bool, error) {
	if f, ok := unaryTests[name]; ok {
		if len(args) > 0 {
			return false, fmt.Errorf("the test %q takes no arguments, found %d", name, len(args))
		}
		return f(r, v), nil
	}
	if op, ok := comparisons[name]; ok && len(args) == 1 {
		return r.compareTwo(op, v, args[0])
	}
	switch name {
	case "==", "!=", "<", "<=", ">", ">=":
		if len(args) == 1 {
			return r.compareTwo(name, v, args[0])
		}
	case "odd", "even", "divisibleby":
		return r.divisible(name, v, args)
	case "upper", "lower":
		s, err := r.str(v)
		return s.s != "" && strings.ContainsFunc(s.s, func(c rune) bool {
			return r.cased(plainText(string(c)), "upper").s != r.cased(plainText(string(c)), "lower").s
		}) && r.cased(s, name).s == s.s, err
	case "sameas":
		if len(args) == 1 && (args[0].IsNone() || args[0].IsBool()) {
			return v.IsNone() && args[0].IsNone() || v.IsBool() && args[0].IsBool() && v.AsBool() == args[0].AsBool(), nil
		}
	case "filter", "test":
		if len(args) == 0 && v.IsString() {
			_, f := filters[r.text(v).s]
			_, u := unaryTests[r.text(v).s]
			return name == "filter" && f || name == "test" && u, nil
		}
	default:
		return false, fmt.Errorf("unknown test %q", name)
	}
	return false, fmt.Errorf("the test %q with these arguments is not implemented", name)
}

func (r *runtime) divisible(name string, v jinja.Value, args []jinja.Value) (bool, error) {
	by := jinja.NewInt(2)
	if name == "divisibleby" && len(args) == 1 {
		by = args[0]
	} else if name == "divisibleby" || len(args) > 0 {
		return false, fmt.Errorf("the test %q: found %d arguments", name, len(args))
	}
	m, err := r.binary("%", v, by)
	if err != nil {
		return false, err
	}
	x, _ := float(m)
	return name == "odd" && x == 1 || name != "odd" && x == 0, nil
}
