package activations

import (
	"strings"
	"testing"
)

// TestMemoryPlan: the plan is stated once, before the first forward, and grows with
// what is captured.
func TestMemoryPlan(t *testing.T) {
	var plans []Memory
	for n := 1; n <= 2; n++ {
		o, r := fakeOptions(t.TempDir()), newFake()
		o.Hooks = nil
		for _, h := range r.Hooks()[:n] {
			o.Hooks = append(o.Hooks, h.Name)
		}
		o.MemoryPlanned = func(m Memory) { plans = append(plans, m) }
		mustCapture(t, o, r, fakeDocs(20))
	}
	if len(plans) != 2 || plans[0].Buffers <= 0 || plans[1].Buffers <= plans[0].Buffers || plans[0].Slack < minSlack || plans[0].Base <= 0 || plans[0].Program <= 0 {
		t.Fatalf("plans %+v", plans)
	}
	if s := plans[0].String(); !strings.HasPrefix(s, ", memory ") || (Memory{}).String() != "" {
		t.Errorf("plan reads %q", s)
	}
}
