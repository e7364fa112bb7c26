package model

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"agar/model/tensor"
)

// traits are small Specs that between them have everything a family can have.
func traits() map[string]Spec {
	base := func(change func(s *Spec)) Spec {
		s := Spec{
			Architecture: "random", Layers: 4, DModel: 24, DMLP: 40, Heads: 4, KVHeads: 2, DHead: 8, Vocab: 50, MaxPos: 512, NormEps: 1e-5, Gated: true,
			Ropes: []Rope{{Theta: 100}},
		}
		s.uniform(BlockSpec{})
		change(&s)
		s.complete()
		return s
	}
	return map[string]Spec{
		"window": base(func(s *Spec) { s.uniform(BlockSpec{Window: 7}); s.QKVBias = true }),
		"window beyond a key block": base(func(s *Spec) {
			s.uniform(BlockSpec{Window: keyBlock + 5})
			s.QKNorm, s.Activation = HeadQKNorm, ReLU
		}),
		"sandwich": base(func(s *Spec) {
			s.Placement, s.AttnSoftcap, s.LogitSoftcap, s.Activation, s.EmbedScale = SandwichNorm, 2, 3, GELUTanh, 4.5
			s.QKNorm, s.NormPlusOne = HeadQKNorm, true
			s.Ropes = append(s.Ropes, Rope{Theta: 2000, Scaling: RopeScaling{Type: "linear", Factor: 8}})
			for l := range s.Blocks {
				s.Blocks[l] = BlockSpec{Window: 9 * (l % 2), Rope: l % 2}
			}
		}),
		"post": base(func(s *Spec) {
			s.Placement, s.QKNorm = PostNorm, WidthQKNorm
			s.Blocks[1].Rope, s.Blocks[3].Rope = -1, -1
		}),
		"learned positions": base(func(s *Spec) {
			s.Norm, s.Gated, s.LearnedPositions, s.Activation, s.ScaleByNum, s.Ropes = LayerNorm, false, true, GELUTanh, true, nil
			s.QKVBias, s.OBias, s.MLPBias = true, true, true
			s.uniform(BlockSpec{Rope: -1})
		}),
		"parallel": base(func(s *Spec) {
			s.Norm, s.Gated, s.Parallel, s.Activation, s.MLPBias = LayerNorm, false, true, GELU, true
			s.Ropes[0].Dim = 4
		}),
		"experts": base(func(s *Spec) {
			s.Experts, s.TopExperts, s.DExpert, s.NormTopK = 5, 2, 16, true
			s.Blocks[0].MoE, s.Blocks[2].MoE = true, true
		}),
		"longrope": base(func(s *Spec) {
			s.Ropes[0].Scaling = RopeScaling{Type: "longrope", Factor: 8, OriginalMaxPos: 20, Attention: 1.2, Short: []float64{1, 1.1, 1.2, 1.3}, Long: []float64{2, 3, 4, 5}}
		}),
		"dynamic": base(func(s *Spec) { s.Ropes[0].Scaling = RopeScaling{Type: "dynamic", Factor: 4, OriginalMaxPos: 20} }),
	}
}

// randomModel makes a model of a Spec with weights drawn around the sizes of trained
// ones.
func randomModel(t testing.TB, s Spec) *Model {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	vec := func(n int, center, scale float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = center + scale*float32(rng.NormFloat64())
		}
		return x
	}
	matrix := func(out, in int) *tensor.Weight {
		return tensor.WeightF32(out, in, vec(out*in, 0, 0.35))
	}
	nm := func() norm {
		n := norm{w: vec(s.DModel, 1, 0.3)}
		if s.Norm == LayerNorm {
			n.b = vec(s.DModel, 0, 0.3)
		}
		return n
	}
	w := &weights{embed: matrix(s.Vocab, s.DModel), unembed: matrix(s.Vocab, s.DModel), norm: nm()}
	if s.LearnedPositions {
		w.positions = matrix(s.MaxPos, s.DModel)
	}
	for l := range s.Layers {
		b := block{ln1: nm(), ln1Post: nm(), ln2: nm(), ln2Post: nm()}
		q, k := s.qkNormWidths()
		b.qNorm, b.kNorm = vec(q, 1, 0.3), vec(k, 1, 0.3)
		for p := range nProjs {
			out, in := s.shape(p)
			if s.has(l, p) {
				b.projs[p] = matrix(out, in)
			}
			if s.has(l, p) && s.biased(p) {
				b.biases[p] = vec(out, 0, 0.3)
			}
		}
		if s.Blocks[l].MoE {
			b.router = matrix(s.Experts, s.DModel)
			for range s.Experts {
				b.experts = append(b.experts, expert{matrix(s.DExpert, s.DModel), matrix(s.DExpert, s.DModel), matrix(s.DModel, s.DExpert)})
			}
		}
		w.blocks = append(w.blocks, b)
	}
	m := &Model{Spec: s, w: w, fam: llama(), panels: tensor.NewPanels(1 << 20)}
	if err := m.ready(); err != nil {
		t.Fatal(err)
	}
	return m
}

// eachTrait runs a test on a random model of every trait and kernel path.
func eachTrait(t *testing.T, f func(t *testing.T, m *Model)) {
	for _, kernel := range tensor.Kernels() {
		for name, s := range traits() {
			t.Run(name+"/"+kernel, func(t *testing.T) {
				restore, err := tensor.WithKernel(kernel)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
				f(t, randomModel(t, s))
			})
		}
	}
}

// Every hook of every row is the same alone, in a ragged batch and on one thread, and
// whether other hooks are read or not.
func TestTraitsRowsStandAlone(t *testing.T) {
	eachTrait(t, func(t *testing.T, m *Model) {
		seqs := [][]int32{batch(m, 1, 1)[0], batch(m, 2, 19)[1], batch(m, 3, 150)[2], batch(m, 4, 40)[3]}
		all := forwardOK(t, m, &Request{Seqs: seqs, Reads: everyHook(m, nil), Logits: AllLogits})
		plain := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
		if !slices.Equal(plain.Logits, all.Logits) {
			t.Error("reading hooks changes the logits")
		}
		old := runtime.GOMAXPROCS(1)
		defer runtime.GOMAXPROCS(old)
		row := 0
		for _, s := range seqs {
			r := forwardOK(t, m, &Request{Seqs: [][]int32{s}, Reads: everyHook(m, nil), Logits: AllLogits})
			for _, h := range m.Hooks(nil) {
				got := all.Hooks[h.Name]
				if h.PerKey {
					got = narrowed(got, all.Rows*h.Dim, len(s))
				}
				samePart(t, h.Name, got, row, row+len(s), r.Hooks[h.Name], all.Rows)
			}
			samePart(t, "logits", all.Logits, row, row+len(s), r.Logits, all.Rows)
			row += len(s)
		}
	})
}

// A cached call gives the rows that one call over the whole sequence gives, bit for
// bit, also where the rotary frequencies change with the length.
func TestTraitsCacheEqualsPrefill(t *testing.T) {
	eachTrait(t, func(t *testing.T, m *Model) {
		ids := batch(m, 1, 160)[0]
		reads := []string{"blocks.3.hook_resid_post", "blocks.2.attn.hook_z"}
		cache := m.NewCache(2)
		for at, i := 0, 0; at < len(ids); i++ {
			n := min([]int{5, 1, 1, 12, 1, 1, 70, 1}[i%8], len(ids)-at)
			step := forwardOK(t, m, &Request{Seqs: [][]int32{ids[at : at+n]}, Cache: cache, Slots: []int{1}, Reads: reads, Logits: AllLogits})
			at += n
			want := forwardOK(t, m, &Request{Seqs: [][]int32{ids[:at]}, Reads: reads, Logits: AllLogits})
			for _, h := range reads {
				samePart(t, fmt.Sprintf("%s of %d tokens", h, at), want.Hooks[h], at-n, at, step.Hooks[h], at)
			}
			samePart(t, fmt.Sprintf("logits of %d tokens", at), want.Logits, at-n, at, step.Logits, at)
		}
		if cache.Len(1) != len(ids) {
			t.Errorf("the cache holds %d tokens, expected %d", cache.Len(1), len(ids))
		}
	})
}

// Entering and leaving between any two blocks gives the numbers of the whole.
func TestTraitsEnterAndLeave(t *testing.T) {
	eachTrait(t, func(t *testing.T, m *Model) {
		seqs := [][]int32{batch(m, 1, 30)[0], batch(m, 2, 11)[1]}
		whole := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
		for cut := 1; cut < m.Spec.Layers; cut++ {
			low := forwardOK(t, m, &Request{Seqs: seqs, To: cut})
			up := forwardOK(t, m, &Request{Seqs: seqs, From: cut, Resid: low.Resid, Logits: AllLogits})
			if !slices.Equal(up.Logits, whole.Logits) {
				t.Errorf("logits differ when the forward is cut before block %d", cut)
			}
		}
	})
}

// Every hook can be edited and matters, and reading one stops right there.
func TestTraitsHooksMatter(t *testing.T) {
	for name, s := range traits() {
		t.Run(name, func(t *testing.T) {
			m := randomModel(t, s)
			seqs := [][]int32{batch(m, 1, 30)[0]}
			base := forwardOK(t, m, &Request{Seqs: seqs, Reads: everyHook(m, nil), Logits: AllLogits})
			for _, h := range m.Hooks(nil) {
				halve := Edit{h.Name, func(x []float32, r Rows) {
					for i := range x {
						x[i] *= float32(i%3) / 2
					}
				}}
				got := forwardOK(t, m, &Request{Seqs: seqs, Edits: []Edit{halve}, Logits: AllLogits})
				if slices.Equal(got.Logits, base.Logits) {
					t.Errorf("%s: changing it changes nothing", h.Name)
				}
				one := forwardOK(t, m, &Request{Seqs: seqs, Reads: []string{h.Name}})
				if !slices.Equal(one.Hooks[h.Name], base.Hooks[h.Name]) {
					t.Errorf("%s: differs when it is the last one asked for", h.Name)
				}
			}
		})
	}
}

// Every number and flag of a Spec changes the logits of some model.
func TestEverySpecFieldMatters(t *testing.T) {
	for name, s := range traits() {
		m := randomModel(t, s)
		seqs := [][]int32{batch(m, 1, 60)[0]}
		base := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
		for field, change := range specChanges(s) {
			broken := s
			broken.Ropes, broken.Blocks = slices.Clone(s.Ropes), slices.Clone(s.Blocks)
			change(&broken)
			m := randomModel(t, s)
			m.Spec = broken
			got := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
			if slices.Equal(got.Logits, base.Logits) {
				t.Errorf("%s: %s does not matter", name, field)
			}
		}
	}
}

// specChanges are the changes that must show in a model of Spec s.
func specChanges(s Spec) map[string]func(s *Spec) {
	c := map[string]func(s *Spec){
		"NormEps":   func(s *Spec) { s.NormEps *= 100 },
		"AttnScale": func(s *Spec) { s.AttnScale *= 1.5 },
	}
	add := func(when bool, name string, f func(s *Spec)) {
		if when {
			c[name] = f
		}
	}
	add(s.AttnSoftcap > 0, "AttnSoftcap", func(s *Spec) { s.AttnSoftcap = 0 })
	add(s.LogitSoftcap > 0, "LogitSoftcap", func(s *Spec) { s.LogitSoftcap = 0 })
	add(s.EmbedScale != 1, "EmbedScale", func(s *Spec) { s.EmbedScale = 1 })
	add(s.ScaleByNum, "ScaleByNum", func(s *Spec) { s.ScaleByNum = false })
	add(s.Activation != SiLU, "Activation", func(s *Spec) { s.Activation = SiLU })
	add(s.Activation == GELUTanh, "Activation GELU", func(s *Spec) { s.Activation = GELU })
	add(s.Parallel, "Parallel", func(s *Spec) { s.Parallel = false })
	add(s.Placement == SandwichNorm, "Placement", func(s *Spec) { s.Placement = PreNorm })
	add(s.LearnedPositions, "LearnedPositions", func(s *Spec) { s.LearnedPositions = false })
	add(s.NormTopK, "NormTopK", func(s *Spec) { s.NormTopK = false })
	add(s.TopExperts > 0, "TopExperts", func(s *Spec) { s.TopExperts-- })
	for i := range s.Ropes {
		add(true, fmt.Sprintf("Ropes[%d].Theta", i), func(s *Spec) { s.Ropes[i].Theta *= 2 })
		add(s.Ropes[i].Scaling.Type != "", fmt.Sprintf("Ropes[%d].Scaling", i), func(s *Spec) { s.Ropes[i].Scaling = RopeScaling{} })
		add(s.Ropes[i].Dim < s.DHead, fmt.Sprintf("Ropes[%d].Dim", i), func(s *Spec) { s.Ropes[i].Dim = s.DHead })
	}
	for l, b := range s.Blocks {
		add(b.Window > 0 && b.Window < 60, fmt.Sprintf("Blocks[%d].Window", l), func(s *Spec) { s.Blocks[l].Window = 0 })
		add(b.Rope >= 0, fmt.Sprintf("Blocks[%d].Rope", l), func(s *Spec) { s.Blocks[l].Rope = -1 })
		add(b.Rope < 0 && len(s.Ropes) > 0, fmt.Sprintf("Blocks[%d].Rope", l), func(s *Spec) { s.Blocks[l].Rope = 0 })
	}
	return c
}

// No trait allocates memory for a token.
func TestTraitsNoAllocationPerToken(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget under the race detector")
	}
	for name, s := range traits() {
		m := randomModel(t, s)
		count := func(n int) float64 {
			r := Request{Seqs: batch(m, 1, n), Reads: []string{"blocks.3.hook_resid_post"}, Logits: LastLogits}
			return testing.AllocsPerRun(5, func() { forwardOK(t, m, &r) })
		}
		count(250)
		if few, many := count(40), count(250); many > few+20 {
			t.Errorf("%s: %g allocations for 40 tokens, %g for 250", name, few, many)
		}
	}
}

// The buffers of a forward are those of the plan.
func TestTraitsWorkspaceIsPlanned(t *testing.T) {
	for name, s := range traits() {
		s.MaxPos = groupRows
		m := randomModel(t, s)
		ws := new(workspace)
		m.spaces.New = func() any { return ws }
		forwardOK(t, m, &Request{Seqs: batch(m, 1, groupRows)})
		used := 0
		for _, b := range [][]float32{ws.resid, ws.norm, ws.att, ws.out, ws.q, ws.k, ws.v, ws.gate, ws.up, ws.scores, ws.routed} {
			used += 4 * cap(b)
		}
		for e := range ws.routes.rows {
			used += 4 * (len(ws.routes.rows[e]) + len(ws.routes.weights[e]))
		}
		if plan := int(workspaceBytes(&s, groupRows)) - 2*4*scoreLimit; used == 0 || used > plan || used < plan*4/5 {
			t.Errorf("%s: %d bytes in use, %d planned", name, used, plan)
		}
	}
}
