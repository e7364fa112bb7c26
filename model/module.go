package model

import "slices"

// A module is a linear layer of a checkpoint's block under the name that HF
// gives it, and says which projections its output rows are. The forward, the
// hooks and the adapters see projections (q, k, v, o, gate, up, down) only:
//
//	self_attn.q_proj            q                           most families
//	self_attn.qkv_proj          q, k, v one after the other  Phi-3
//	mlp.gate_up_proj            gate, up                     Phi-3
//	attn.c_attn                 q, k, v; stored [in, out]    GPT-2 (Conv1D)
//	attn.c_proj                 o; stored [in, out]          GPT-2
//	mlp.c_fc, mlp.c_proj        up, down; stored [in, out]   GPT-2
//	attention.query_key_value   of each head q, k, v         GPT-NeoX
//	attention.dense             o                            GPT-NeoX
//	mlp.dense_h_to_4h, …4h_to_h up, down                     GPT-NeoX
//
// An MLP without a gate has its one hidden layer under up. Row i of projection
// part.proj is row order[i] of the module's output (moduleRows), so an adapter
// on a fused module splits: A is shared by its projections, row i of a
// projection's B is row order[i] of the module's B.
type module struct {
	path  string // inside the block
	parts []part
	inOut bool // stored as [in, out], the transpose of a torch Linear
}

// part is one projection in a module.
type part struct {
	proj proj
	// rows gives the rows of the module that the projection is, in its order;
	// nil: the rows that follow those of the parts before.
	rows func(s *Spec) []int32
}

// whole is a module that is one projection.
func whole(path string, p proj) module { return module{path: path, parts: []part{{proj: p}}} }

// fused is a module that stacks projections.
func fused(path string, ps ...proj) module {
	m := module{path: path}
	for _, p := range ps {
		m.parts = append(m.parts, part{proj: p})
	}
	return m
}

// transposed is m stored as [in, out].
func (m module) transposed() module {
	m.inOut = true
	return m
}

// shape is the [out, in] of the whole module.
func (m *module) shape(s *Spec) (out, in int) {
	for _, p := range m.parts {
		o, i := s.shape(p.proj)
		out, in = out+o, i
	}
	return out, in
}

// moduleRows are the rows of the module that part i is: order, or lo … lo+n when
// order is nil.
func (m *module) moduleRows(s *Spec, i int) (order []int32, lo, n int) {
	for _, p := range m.parts[:i] {
		o, _ := s.shape(p.proj)
		lo += o
	}
	n, _ = s.shape(m.parts[i].proj)
	if m.parts[i].rows != nil {
		return m.parts[i].rows(s), 0, n
	}
	return nil, lo, n
}

// moduleOf is the module of ms that projection p is in.
func moduleOf(ms []module, p proj) *module {
	for i := range ms {
		if slices.ContainsFunc(ms[i].parts, func(x part) bool { return x.proj == p }) {
			return &ms[i]
		}
	}
	return nil
}

// projModules are the modules of families that keep every projection apart, with
// the names that all of them share.
func projModules() []module {
	var ms []module
	for p := range nProjs {
		ms = append(ms, whole(projPath[p], p))
	}
	return ms
}
