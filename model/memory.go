package model

import (
	"fmt"

	"agar/model/tensor"
)

// SystemMemory gives the bytes of memory of this machine, or of the container
// it runs in, and how many of them are available without swapping; 0, 0 where
// that cannot be found out.
func SystemMemory() (total, available int64) { return systemMemory() }

// plan is how the memory of a model is spent, in bytes.
type plan struct {
	weights   int64 // mapped files: must stay in the page cache to be fast
	workspace int64 // of one forward of groupRows rows
	panels    int64 // budget of packed weights
}

// planMemory decides the budget of the panels, or refuses a model whose weights
// and workspace exceed what is available.
func planMemory(path string, s *Spec, weights int64, o Options) (plan, error) {
	total, have := systemMemory()
	if o.MemoryLimit > 0 {
		total, have = o.MemoryLimit, o.MemoryLimit
	}
	p := plan{weights: weights, workspace: workspaceBytes(s, groupRows)}
	if have > 0 && p.weights+p.workspace > have {
		return p, &TooLarge{Path: path, Weights: p.weights, Work: p.workspace, Have: have, Fits: fits(s, have-p.workspace)}
	}
	switch {
	case o.PanelBudget > 0:
		p.panels = o.PanelBudget
	case o.PanelBudget == 0 && have == 0:
		p.panels = 1 << 30
	case o.PanelBudget == 0:
		p.panels = min(total/4, have-p.weights-p.workspace)
	}
	return p, nil
}

// fits names the largest storage type in which a model of this shape would fit
// in so many bytes, or how many parameters would.
func fits(s *Spec, bytes int64) string {
	n := s.Parameters()
	for _, dt := range []tensor.DType{tensor.BF16, tensor.Q8_0, tensor.Q4_0} {
		if need := int64(float64(n) * bytesPerWeight(dt)); need <= bytes {
			return fmt.Sprintf("the same model in %s would fit: %s of weights", dt, gib(need))
		}
	}
	return fmt.Sprintf("in Q4_0 up to %.1f billion parameters would fit, this model has %.1f", float64(max(bytes, 0))*8/4.5/1e9, float64(n)/1e9)
}

func bytesPerWeight(dt tensor.DType) float64 {
	weights, bytes := dt.Block()
	return float64(bytes) / float64(weights)
}
