package model

import "fmt"

// FirstHook is the first hook outside the adapter's own that it can change: of a
// down_proj adapter on block L, blocks.L.hook_mlp_out. It is "" for an adapter that
// changes the logits alone.
func (a *Adapter) FirstHook() string {
	for h := embedHook; h <= a.m.Spec.finalHook(); h++ {
		if _, _, own := h.adapts(); !own && a.m.Spec.exists(h) && a.changes(h) {
			return a.m.hookName(h)
		}
	}
	return ""
}

// Reaches tells whether adapter a can change what a hook reads. The error wraps
// ErrUnreached and names the first hook that it can change. An adapter's own
// lora.hook_a is reached only from modules before it, its hook_delta always.
func (m *Model) Reaches(a *Adapter, hook string) error {
	h, err := m.hook(hook, a)
	if err != nil {
		return err
	}
	if a.changes(h) {
		return nil
	}
	can := "it changes the logits alone"
	if first := a.FirstHook(); first != "" {
		can = fmt.Sprintf("the first hook that it can is %q", first)
	}
	return fmt.Errorf("model: %w: the adapter %s cannot change %q, %s", ErrUnreached, a.parts[0].LoRA.Dir, hook, can)
}

// changes tells whether the adapter can change what hook h reads.
func (a *Adapter) changes(h hookID) bool {
	s := &a.m.Spec
	switch l := h.layer(); {
	case h == embedA:
		return false
	case h < 0:
		return h == posEmbedHook && a.positions != nil || h <= embedHook && a.embed != nil
	case h == s.finalHook():
		return a.first < s.Layers
	case h == unembedHooks(s).a:
		return a.first < s.Layers || len(a.final) > 0
	case l != a.first:
		return l > a.first
	}
	return a.blocks[a.first].changes(s, h)
}

// changes tells whether what changes in a block changes hook h of it.
func (b *blockChanges) changes(s *Spec, h hookID) bool {
	own, _, isOwn := h.adapts()
	var adapted projs
	for p, c := range b.projs {
		// a weight trained in full does not change what factors beside it add
		if c != nil && (len(c.low) > 0 || !isOwn || own != proj(p)) {
			adapted |= setOf(proj(p))
		}
	}
	if adapted&s.by(h.point()) != 0 {
		return true
	}
	for _, v := range b.vectors {
		if v.id.changes(s, h) {
			return true
		}
	}
	return false
}

// changes tells whether another vector changes hook h of its block. A norm's
// changes what the norm feeds; its own hook is before weight and bias.
func (id vectorID) changes(s *Spec, h hookID) bool {
	own, isA, isOwn := h.adapts()
	by := s.by(h.point())
	feeds := func(set projs) bool { return by&set != 0 || isOwn && isA && set&setOf(own) != 0 }
	behind := func(set projs, at point) bool {
		if isOwn && set&setOf(own) != 0 {
			return false
		}
		return by&set != 0 && h.point() != at
	}
	switch id {
	case vecLn1, vecLn1Bias:
		return feeds(byQKV)
	case vecLn1Post, vecLn1PostBias:
		return behind(setOf(projO), ln1PostNormalized)
	case vecLn2, vecLn2Bias:
		return feeds(setOf(projGate, projUp)) || h.point() == expertWeights
	case vecLn2Post, vecLn2PostBias:
		return behind(setOf(projDown), ln2PostNormalized)
	case vecQNorm:
		return h.point() != hookQ && behind(setOf(projQ), nPoints)
	case vecKNorm:
		return h.point() != hookK && behind(setOf(projK), nPoints)
	}
	return behind(setOf(proj(id-vecBias)), nPoints)
}
