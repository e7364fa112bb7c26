package model

import "strings"

// Linear is a linear layer of a block that adapters can sit on.
type Linear struct {
	Name    string // model.layers.21.mlp.down_proj
	Layer   int
	Proj    string // last part of the name: down_proj
	In, Out int
}

// Linears lists the linear layers of the blocks by the names that adapters use,
// block by block. Layers that hold several projections count as one.
func (m *Model) Linears() []Linear {
	var out []Linear
	for l := range m.Spec.Layers {
		for i := range m.fam.hf.modules {
			md := &m.fam.hf.modules[i]
			if !m.Spec.has(l, md.parts[0].proj) {
				continue
			}
			t := target{l, md}
			rows, cols := m.shape(t)
			out = append(out, Linear{Name: m.modulePath(t), Layer: l, Proj: md.path[strings.LastIndexByte(md.path, '.')+1:], In: cols, Out: rows})
		}
	}
	return out
}
