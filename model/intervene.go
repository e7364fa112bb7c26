package model

import (
	"fmt"
	"math"
	"slices"
)

// Op is what an Intervention does to the values that it selects.
type Op string

// The operations.
const (
	SetTo   Op = "set"   // replaced by Vector; without one by 0, which ablates them
	AddTo   Op = "add"   // Vector is added
	ScaleBy Op = "scale" // multiplied by Factor
	Cut     Op = "cut"   // attention edges are cut: their scores become −Inf
)

// Edge is an attention edge within a sequence: position Query reads position Key.
type Edge struct {
	Query int `json:"query"`
	Key   int `json:"key"`
}

// Intervention is an edit as plain data: an operation on chosen rows, and on chosen
// heads of hooks that have heads. Model.Edits turns it into the Edit of a Request.
type Intervention struct {
	Hook string `json:"hook"`
	Op   Op     `json:"op"`
	// Seqs and Positions choose rows; nil is all of them. Positions count from the
	// start of each sequence, cached tokens included.
	Seqs      []int `json:"seqs,omitempty"`
	Positions []int `json:"positions,omitempty"`
	// Heads chooses heads of hooks that have some; nil is the whole row.
	Heads []int `json:"heads,omitempty"`
	// Vector, of SetTo and AddTo, is one vector for all chosen rows, or one for each
	// of Positions, one after the other: to patch in what another prompt, adapter or
	// checkpoint had there (Pick takes it from a Result). With Heads a vector is
	// [len(Heads), Dim/Heads of the hook].
	Vector []float32 `json:"vector,omitempty"`
	Factor float32   `json:"factor,omitempty"` // of ScaleBy
	Edges  []Edge    `json:"edges,omitempty"`  // of Cut; its hook is attn.hook_attn_scores
}

// Knockout cuts attention edges of block layer in the given heads (nil: all), as
// if the query could not see the key.
func Knockout(layer int, heads []int, edges ...Edge) Intervention {
	return Intervention{Hook: fmt.Sprintf("blocks.%d.%s", layer, sites[attnScores].name), Op: Cut, Heads: heads, Edges: edges}
}

// Pick takes rows out of x [n, width], such as a hook of a Result.
func Pick(x []float32, width int, rows ...int) []float32 {
	var y []float32
	for _, r := range rows {
		y = append(y, x[r*width:(r+1)*width]...)
	}
	return y
}

// Edits turns interventions into edits of a Request that uses adapter a (nil: none),
// in the order given. An error names the intervention, its hook, and what was found
// and expected.
func (m *Model) Edits(a *Adapter, list ...Intervention) ([]Edit, error) {
	var out []Edit
	for i := range list {
		x := &list[i]
		h, err := m.Hook(x.Hook, a)
		if err != nil {
			return nil, fmt.Errorf("intervention %d: %w", i, err)
		}
		if err := x.check(&h); err != nil {
			return nil, fmt.Errorf("model: intervention %d: %s %s: %w", i, x.Op, x.Hook, err)
		}
		out = append(out, Edit{x.Hook, x.edit(&h)})
	}
	return out, nil
}

// check says what is wrong with an intervention on hook h.
func (x *Intervention) check(h *HookInfo) error {
	for _, n := range x.Heads {
		if n < 0 || n >= h.Heads {
			return fmt.Errorf("found head %d, the hook has %d", n, h.Heads)
		}
	}
	if h.PerKey != (x.Op == Cut) && x.Op != ScaleBy {
		return fmt.Errorf("expected %s on hooks of attention scores and no other there", Cut)
	}
	switch x.Op {
	case Cut:
		return x.checkEdges(h)
	case ScaleBy:
		if math.IsNaN(float64(x.Factor)) {
			return fmt.Errorf("found factor NaN")
		}
	case SetTo, AddTo:
		n := len(x.Vector)
		if one := x.width(h); n != one && (n == 0 || n != one*len(x.Positions)) && (n > 0 || x.Op == AddTo) {
			return fmt.Errorf("found %d values, expected %d, or as many for each of %d positions", n, one, len(x.Positions))
		}
	default:
		return fmt.Errorf("found operation %q, expected %s, %s, %s or %s", x.Op, SetTo, AddTo, ScaleBy, Cut)
	}
	return nil
}

func (x *Intervention) checkEdges(h *HookInfo) error {
	if len(x.Edges) == 0 || x.Positions != nil || x.Vector != nil {
		return fmt.Errorf("found %d edges, expected at least one and neither positions nor a vector", len(x.Edges))
	}
	for _, e := range x.Edges {
		if e.Key < 0 || e.Key > e.Query {
			return fmt.Errorf("found edge from %d to %d, expected a key from 0 to the query", e.Query, e.Key)
		}
	}
	return nil
}

// width is how many values of a row are chosen.
func (x *Intervention) width(h *HookInfo) int {
	if x.Heads != nil {
		return len(x.Heads) * (h.Dim / h.Heads)
	}
	return h.Dim
}

// edit is the function of the Edit.
func (x *Intervention) edit(h *HookInfo) func([]float32, Rows) {
	heads := h.Heads
	return func(v []float32, rows Rows) {
		w := len(v) / len(rows.Seq)
		for i, s := range rows.Seq {
			if x.Seqs != nil && !slices.Contains(x.Seqs, int(s)) {
				continue
			}
			row, pos := v[i*w:(i+1)*w], int(rows.Pos[i])
			if x.Op == Cut {
				x.cut(row, pos, heads)
				continue
			}
			at := slices.Index(x.Positions, pos)
			if x.Positions != nil && at < 0 {
				continue
			}
			x.apply(row, max(at, 0), heads)
		}
	}
}

// cut cuts the edges of the query at position pos, whose scores are row [heads, keys].
func (x *Intervention) cut(row []float32, pos, heads int) {
	keys := len(row) / heads
	for _, e := range x.Edges {
		if e.Query != pos {
			continue
		}
		for n := range heads {
			if x.Heads == nil || slices.Contains(x.Heads, n) {
				row[n*keys+e.Key] = float32(math.Inf(-1))
			}
		}
	}
}

// apply changes one row, which is the at-th of Positions.
func (x *Intervention) apply(row []float32, at, heads int) {
	if x.Heads == nil {
		x.change(row, x.part(at, 0, len(row), len(row)))
		return
	}
	w := len(row) / heads
	for j, n := range x.Heads {
		x.change(row[n*w:(n+1)*w], x.part(at, j*w, w, len(x.Heads)*w))
	}
}

// part is n values from lo on of the vector for row at, each vector of length size.
func (x *Intervention) part(at, lo, n, size int) []float32 {
	if len(x.Vector) == 0 {
		return nil
	}
	if len(x.Vector) > size {
		lo += at * size
	}
	return x.Vector[lo : lo+n]
}

// change is the operation on some values and those of the vector, nil for none.
func (x *Intervention) change(v, by []float32) {
	switch {
	case x.Op == ScaleBy:
		for i := range v {
			v[i] *= x.Factor
		}
	case by == nil:
		clear(v)
	case x.Op == SetTo:
		copy(v, by)
	default:
		for i, b := range by {
			v[i] += b
		}
	}
}
