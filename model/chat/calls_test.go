package chat

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"agar/model/internal/bounds"
)

// Operands and arguments that calls are tried with; the last arguments ask for more
// than there is memory.
var (
	callOperands  = []string{`'a,B c'`, `'%s %d'`, `'{} {:>5}'`, `''`, `-3`, `2.5`, `true`, `none`, `[3, 1, 2]`, `[[1, 2]]`, `['b', 'A']`, `{'b': 1, 'a': [2]}`, `messages`, `nothing`}
	callArguments = []string{`()`, `('a')`, `(',', 1)`, `('B', 'x')`, `(2)`, `(1, 3)`, `(['x', 'y'])`, `({'a': 1})`, `(attribute='role')`, `(true)`, `(none)`,
		`(1000000000000)`, `('a', 1000000000000)`, `(1000000000000, 'a')`}
	callOperators = []string{"+", "-", "*", "/", "//", "%", "**", "~", "==", "<", ">=", "in", "not in", "and", "or"}
)

// expressions are calls of everything that templates can call, each with every
// operand and argument when all is set, else with a few.
func expressions(all bool) (out []string) {
	add := func(i int, format string, args ...any) {
		if all || i%29 == 0 {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	i := 0
	for _, v := range callOperands {
		for _, a := range callArguments {
			for _, name := range slices.Sorted(maps.Keys(filters)) {
				add(i, "%s|%s%s", v, name, a)
				i++
			}
			for _, name := range slices.Sorted(maps.Keys(stringMethods)) {
				add(i, "(%s).%s%s", v, name, a)
				i++
			}
			for _, name := range append([]string{"divisibleby", "sameas"}, slices.Sorted(maps.Keys(comparisons))...) {
				add(i, "%s is %s%s", v, name, a)
				i++
			}
			for _, name := range []string{"get", "items", "keys", "values", "copy", "update", "append", "pop", "index", "count", "extend", "insert"} {
				add(i, "(%s).%s%s", v, name, a)
				i++
			}
		}
		for _, name := range slices.Sorted(maps.Keys(unaryTests)) {
			add(i, "%s is not %s", v, name)
			i++
		}
		for _, op := range callOperators {
			for _, w := range append(callOperands, "1000000000000") {
				add(i, "%s %s %s", v, op, w)
				i++
			}
		}
		for _, slice := range []string{"0", "-1", "1:", "::-1", ":9:2", "'a'", "1000000000000"} {
			add(i, "(%s)[%s]", v, slice)
			i++
		}
	}
	for _, a := range callArguments {
		for _, name := range slices.Sorted(maps.Keys((&runtime{}).functions())) {
			out = append(out, name+a)
		}
	}
	for _, d := range "aAbBcdfHIjmMpSUwWxXyYzZ%q" {
		out = append(out, fmt.Sprintf("strftime_now('%%%c')", d))
	}
	return out
}

// TestCallsEnd calls everything with everything: no call panics, hangs or takes
// memory beyond what a rendering may (64 MiB of strings, see maxSteps).
func TestCallsEnd(t *testing.T) {
	msgs := []Message{{Role: "user", Content: "a B"}, {Role: "assistant", Content: "c"}}
	ok := 0
	for _, e := range expressions(!testing.Short()) {
		tpl, err := Parse("{{ "+e+" }}", nil)
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		tpl = tpl.WithDate(time.Unix(1e9, 0))
		n := bounds.Allocated(func() {
			bounds.Watch(func() {
				if _, err := tpl.Render(msgs, true); err == nil {
					ok++
				}
			})
		})
		if n > 4*minBytes {
			t.Errorf("%s: %d MB allocated", e, n>>20)
		}
	}
	if ok < 100 {
		t.Errorf("%d calls gave something", ok)
	}
	t.Logf("%d calls gave something", ok)
}
