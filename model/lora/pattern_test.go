package lora

import (
	"strconv"
	"testing"
)

// Expressions are kept for the next module, but not without end.
func TestKeptExpressionsAreBounded(t *testing.T) {
	for i := range 2*maxCompiled + 10 {
		if _, err := compile("a" + strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	compiled.Range(func(_, _ any) bool { n++; return true })
	if n == 0 || n > maxCompiled {
		t.Errorf("%d expressions are kept, expected 1 to %d", n, maxCompiled)
	}
}
