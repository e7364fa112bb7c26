package phase

import (
	"errors"
	"fmt"
	"math"

	"agar/model/lora"
)

// Degenerate is a test whose outcome is settled before it is run, so that passing
// it says nothing.
type Degenerate struct {
	Test string `json:"test"` // project_b, comp_final, same_file, sign_of_b
	What string `json:"what"` // what it is applied to
	Why  string `json:"why"`
	// Refused: agar does not take the outcome for a finding; else it is a warning to
	// whoever compares.
	Refused bool `json:"refused"`
}

// Names of degenerate tests.
const (
	TestProjectB  = "project_b"  // projecting B̂ out of the output of a rank-1 adapter's module
	TestCompFinal = "comp_final" // comp(final, final)
	TestSameFile  = "same_file"  // two checkpoints with the same bytes
	TestSignOfB   = "sign_of_b"  // cos(B, B') of two runs
)

// ErrDegenerate is wrapped by tests that are refused.
var ErrDegenerate = errors.New("the outcome is settled beforehand")

// ProjectionLeaves is the share of ‖ΔW‖²_F that is left of a module when direction,
// of the width the module writes, is projected out of its output: ‖(I − v̂v̂ᵀ)ΔW‖² /
// ‖ΔW‖². NaN for a module or direction of zeros. A direction of another width
// panics with lora.ErrShape.
func ProjectionLeaves(m *lora.Module, direction []float32) float64 {
	if len(direction) != m.Out {
		panic(lora.ErrShape)
	}
	along := make([]float32, m.R) // v̂ᵀB
	size := math.Sqrt(lora.Dot(direction, direction))
	for j := range along {
		s := 0.0
		for o, v := range direction {
			s += float64(v) / size * float64(m.B[o*m.R+j])
		}
		along[j] = float32(s)
	}
	// v̂ᵀΔW = s·(v̂ᵀB)·A is itself a module, one wide.
	seen := lora.Module{R: m.R, In: m.In, Out: 1, A: m.A, B: along, Scale: m.Scale}
	return 1 - lora.Inner(&seen, &seen)/lora.Inner(m, m)
}

// vacuous is the share of ‖ΔW‖² below which a projection takes the adapter itself
// away.
const vacuous = 0.05

// CheckProjection refuses an ablation that is no test: projecting direction out of
// the output of the only module of an adapter takes all of the adapter away when it
// is B̂ of rank 1, so that "behaviour returned to the base's" is certain. It wraps
// ErrDegenerate where less than a twentieth of ‖ΔW‖² is left in every module.
func CheckProjection(a *lora.Adapter, direction []float32) error {
	for i := range a.Modules {
		m := &a.Modules[i]
		if m.Out != len(direction) {
			return nil
		}
		if left := ProjectionLeaves(m, direction); !(left < vacuous) {
			return nil
		}
	}
	if len(a.Modules) == 0 {
		return nil
	}
	return fmt.Errorf("phase: projecting the direction out of what %s writes: %w: it leaves %.2g of ‖ΔW‖², so the adapter itself is taken away (%s)",
		a.Modules[0].Name, ErrDegenerate, ProjectionLeaves(&a.Modules[0], direction), a.Dir)
}

// degenerate lists the tests that would be vacuous on this run.
func (b *builder) degenerate() {
	add := func(d Degenerate) { b.rep.Degenerate = append(b.rep.Degenerate, d) }
	b.rep.Degenerate = []Degenerate{}
	if m := b.rep.Modules[0]; len(b.rep.Modules) == 1 && m.Rank == 1 {
		add(Degenerate{TestProjectB, m.Name, "the adapter has rank 1 and sits here alone: projecting B̂ out of the module's output takes it away whole, so behaviour must return to the base's", true})
	}
	for _, m := range b.rep.Modules {
		if m.Rank == 1 && m.Name != Combined {
			add(Degenerate{TestSignOfB, m.Name, "(A, B) and (−A, −B) are the same adapter: compare |cos(B, B')| or ΔW between runs, never the sign", false})
			break
		}
	}
	if c := b.rep.Compression; c != nil {
		add(Degenerate{TestCompFinal, fmt.Sprintf("checkpoint %d", b.steps[len(b.steps)-1]), fmt.Sprintf("comp(final, final) is %.3f whatever the run did", float64(c.Self)), true})
	}
	for i := 1; i < len(b.rep.Checkpoints); i++ {
		x, y := &b.rep.Checkpoints[i-1], &b.rep.Checkpoints[i]
		if x.SHA256 != "" && x.SHA256 == y.SHA256 {
			d := Degenerate{TestSameFile, fmt.Sprintf("checkpoints %d and %d", x.Step, y.Step), "both hold the same bytes: what is measured between them is 0 because nothing was trained or a file was copied", false}
			add(d)
			b.rep.Warnings = append(b.rep.Warnings, d.What+": "+d.Why)
		}
	}
}
