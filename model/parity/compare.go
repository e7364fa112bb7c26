package parity

import (
	"fmt"
	"math"
	"strings"
)

// Got is what was computed for a case: of each hook, and of Logits, the case's
// rows.
type Got map[string][]float32

// Deviation is how far one hook of one case is from the reference.
type Deviation struct {
	Case  string `json:"case"`
	Hook  string `json:"hook"`
	Pos   int    `json:"pos"`   // position of the worst row
	Error Ratio  `json:"error"` // relative error of its vector
}

// Compare gives the deviation of every hook of a case that got has, in the order
// of the case. A hook of another width is an error.
func (d *Dump) Compare(c *Case, got Got) ([]Deviation, error) {
	var out []Deviation
	for _, h := range append(append([]string(nil), c.Hooks...), Logits) {
		x, ok := got[h]
		if !ok {
			continue
		}
		want, width, err := d.Want(c, h)
		if err != nil {
			return nil, err
		}
		if len(x) != len(want) {
			return nil, fmt.Errorf("parity: case %q: %s: found rows of %d, the dump has %d", c.Name, h, len(x)/len(c.Rows), width)
		}
		e, row := Relative(x, want, width, strings.Contains(h, ".lora."))
		out = append(out, Deviation{c.Name, h, c.Rows[row], Ratio(e)})
	}
	return out, nil
}

// Relative is the worst ‖got − want‖₂/‖want‖₂ over rows of the given width, and
// the row that has it. A zero row must be met exactly; what is −inf in want is
// left out; NaN in got makes the error +Inf. With narrow a row counts as no
// smaller than the root mean square of the rows (package comment).
func Relative(got, want []float32, width int, narrow bool) (worst float64, row int) {
	floor := 0.0
	if narrow {
		for _, v := range want {
			floor += float64(v) * float64(v) * float64(width) / float64(len(want))
		}
	}
	for i := 0; i+width <= len(want); i += width {
		diff, norm := distance(got[i:i+width], want[i:i+width])
		e := math.Sqrt(diff / max(norm, floor))
		switch {
		case diff == 0:
			e = 0
		case e != e:
			e = math.Inf(1)
		}
		if e > worst {
			worst, row = e, i/width
		}
	}
	return worst, row
}

// distance is ‖got − want‖² and ‖want‖².
func distance(got, want []float32) (diff, norm float64) {
	for j, v := range want {
		w := float64(v)
		if math.IsInf(w, -1) {
			continue
		}
		diff += (float64(got[j]) - w) * (float64(got[j]) - w)
		norm += w * w
	}
	return diff, norm
}
