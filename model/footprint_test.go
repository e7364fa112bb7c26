package model

import (
	"path/filepath"
	"strings"
	"testing"

	"agar/model/tensor"
)

// TestFootprint holds the plan to what a forward leaves behind: packed panels of the
// blocks below the last hook and nothing above them.
func TestFootprint(t *testing.T) {
	m := open(t, filepath.Join("testdata", "tied"))
	var old Footprint
	for l, hook := range []string{"blocks.0.hook_resid_post", "blocks.1.hook_resid_post@base", "blocks.2.hook_resid_post"} {
		f, err := m.Footprint([]string{"blocks.0.hook_resid_pre", hook}, nil, 64)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(hook, "@")
		before := m.panels.Left()
		forwardOK(t, m, &Request{Seqs: [][]int32{{1, 2, 3}}, Reads: []string{name}})
		if kept := m.plan.panels - m.panels.Left(); kept != f.Panels || before == m.panels.Left() {
			t.Errorf("up to %s: %d bytes of panels kept, %d planned", hook, kept, f.Panels)
		}
		if f.Weights <= old.Weights || f.Workspace < tensor.ScratchBytes() {
			t.Errorf("up to block %d: %+v behind %+v", l, f, old)
		}
		old = f
	}
	f, err := m.Footprint(nil, nil, 64)
	if all := m.w.storedBytes()["F32"]; err != nil || f.Weights != all || f.Panels <= old.Panels {
		t.Errorf("logits: %+v, %v, expected all %d bytes of weights", f, err, all)
	}
	if _, err := m.Footprint([]string{"blocks.9.hook_resid_post"}, nil, 64); err == nil {
		t.Error("a hook that the model does not have was planned for")
	}
}
