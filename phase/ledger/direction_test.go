package ledger

import (
	"strings"
	"testing"

	"agar/model/lora"
	"agar/phase"
)

// TestProjectedOut: projecting the one direction of a lone module out is no test; of
// two modules, or of one that writes in two directions, it is.
func TestProjectedOut(t *testing.T) {
	why := "projecting B̂ out takes it away"
	one := func() *Evidence {
		rep := series("a", 1)
		rep.Degenerate = []phase.Degenerate{{Test: phase.TestProjectB, What: module, Why: why}}
		return &Evidence{Run: Run{Report: rep, Final: adapter(30)}}
	}
	two := func(b []float32) *Evidence {
		e := one()
		e.Run.Report.Degenerate = nil
		e.Run.Final = &lora.Adapter{Modules: []lora.Module{{Name: module, R: 2, In: 2, Out: 3, A: []float32{1, 0, 0, 1}, B: b, Scale: 1}}}
		return e
	}
	beside := one()
	beside.Run.Final.Modules = append(beside.Run.Final.Modules, adapter(100).Modules...)
	for name, c := range map[string]struct {
		e    *Evidence
		want string
	}{
		"rank 1 alone":     {one(), why},
		"a second module":  {beside, ""},
		"two directions":   {two([]float32{1, 0, 0, 1, 0, 0}), ""},
		"one of rank 2":    {two([]float32{1, 2, 1, 2, 0, 0}), "2 columns of B lie in one direction"},
		"nothing was read": {&Evidence{Run: Run{Report: series("a", 1)}}, ""},
	} {
		got := c.e.projected(&one().Run.Final.Modules[0])
		if c.e.Run.Final != nil {
			got = c.e.projected(&c.e.Run.Final.Modules[0])
		}
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: found %q, expected %q", name, got, c.want)
		}
	}
}
