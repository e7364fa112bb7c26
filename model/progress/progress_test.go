package progress_test

import (
	"fmt"
	"testing"

	"agar/model/progress"
)

func Example() {
	report := progress.Func(func(e progress.Event) {
		f, _ := e.Fraction()
		fmt.Printf("%s %s: %d of %d %s (%.0f %%)\n", e.Job, e.Stage, e.Step, e.Total, e.Unit, 100*f)
	}).Named("capture")
	report.Emit(progress.Event{Stage: "forward", Step: 512, Total: 2048, Unit: "tokens"})
	// Output: capture forward: 512 of 2048 tokens (25 %)
}

func TestNilFuncDropsEvents(t *testing.T) {
	var f progress.Func
	f.Emit(progress.Event{Step: 1})
	if f.Named("x") != nil {
		t.Fatal("a nil Func must stay nil when named")
	}
}

func TestFractionIsClipped(t *testing.T) {
	for _, c := range []struct {
		step, total int64
		want        float64
		ok          bool
	}{{0, 0, 0, false}, {5, 10, .5, true}, {11, 10, 1, true}, {-1, 10, 0, true}} {
		if got, ok := (progress.Event{Step: c.step, Total: c.total}).Fraction(); got != c.want || ok != c.ok {
			t.Errorf("Fraction of %d/%d = %v, %v; want %v, %v", c.step, c.total, got, ok, c.want, c.ok)
		}
	}
}
