package model

import (
	"encoding/json"
	"fmt"
	"strings"
)

// HookShape is a hook as an inspection lists it.
type HookShape struct {
	Name  string `json:"name"`
	Layer int    `json:"layer"` // block, −1 before the first, the number of blocks after the last
	// Shape is of one token: [d], [heads, d_head], or [heads, null] for a value for
	// every position of the sequence.
	Shape []Width `json:"shape"`
}

// Width is a dimension; 0 is one that the sequence decides, null in JSON.
type Width int

// MarshalJSON writes null for 0.
func (w Width) MarshalJSON() ([]byte, error) {
	if w == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int(w))
}

// UnmarshalJSON reads null as 0.
func (w *Width) UnmarshalJSON(b []byte) error {
	*w = 0
	return json.Unmarshal(b, (*int)(w))
}

// String is the name and the shape, "keys" standing for what the sequence decides.
func (h HookShape) String() string {
	var dims []string
	for _, w := range h.Shape {
		if w == 0 {
			dims = append(dims, "keys")
			continue
		}
		dims = append(dims, fmt.Sprint(int(w)))
	}
	return h.Name + " [" + strings.Join(dims, ", ") + "]"
}

// shape is what an inspection lists of a hook.
func (h *HookInfo) shape() HookShape {
	s := HookShape{Name: h.Name, Layer: h.Layer}
	switch {
	case h.PerKey:
		s.Shape = []Width{Width(h.Dim), 0}
	case h.Heads > 0:
		s.Shape = []Width{Width(h.Heads), Width(h.Dim / h.Heads)}
	default:
		s.Shape = []Width{Width(h.Dim)}
	}
	return s
}

// Shapes lists every hook with its shape, those of adapter a included (nil: none).
func (m *Model) Shapes(a *Adapter) []HookShape {
	var out []HookShape
	for _, h := range m.Hooks(a) {
		out = append(out, h.shape())
	}
	return out
}
