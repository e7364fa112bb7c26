package model

import (
	"fmt"
	"strconv"
	"strings"
)

// HookInfo describes a place in the forward where activations can be read and
// changed.
type HookInfo struct {
	Name  string
	Dim   int // width of a row; with PerKey the number of heads
	Layer int // block, −1 before the first, the number of blocks after the last
	Heads int // when not 0, a row is [Heads, Dim/Heads]
	// PerKey says that a row is [Dim, keys] with a value for every position that
	// the longest sequence of the call has; Request tells more.
	PerKey bool
}

// point is a hook inside a block, in the order in which they fire.
type point int

const (
	residPre point = iota
	ln1Normalized
	qA
	qDelta
	kA
	kDelta
	vA
	vDelta
	hookQ
	hookK
	hookV
	rotQ
	rotK
	attnScores
	attnPattern
	hookZ
	oA
	oDelta
	ln1PostNormalized
	attnOut
	residMid
	ln2Normalized
	expertWeights
	gateA
	gateDelta
	upA
	upDelta
	mlpPre
	mlpPreLinear
	mlpPost
	downA
	downDelta
	ln2PostNormalized
	mlpOut
	residPost
	nPoints
)

// projs is a set of projections, a bit each.
type projs uint16

func setOf(ps ...proj) (s projs) {
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// site is what a hook inside a block is called, and the projections of the block
// that it depends on: adapters on those change it. Where attention and MLP are
// parallel, those of attention do not change what is inside the MLP.
type site struct {
	name string
	by   projs
}

var (
	byQK   = setOf(projQ, projK)
	byQKV  = setOf(projQ, projK, projV)
	byAttn = setOf(projQ, projK, projV, projO)
	byPre  = byAttn | setOf(projGate)
	byUp   = byAttn | setOf(projUp)
	byPost = byPre | byUp
	byAll  = byPost | setOf(projDown)
)

// sites are all hooks of a block. An adapter's own, which start with the path of
// the module, are completed by pointName.
var sites = [nPoints]site{
	residPre: {"hook_resid_pre", 0}, ln1Normalized: {"ln1.hook_normalized", 0},
	qA: {hookA, 0}, qDelta: {hookDelta, setOf(projQ)}, kA: {hookA, 0}, kDelta: {hookDelta, setOf(projK)}, vA: {hookA, 0}, vDelta: {hookDelta, setOf(projV)},
	hookQ: {"attn.hook_q", setOf(projQ)}, hookK: {"attn.hook_k", setOf(projK)}, hookV: {"attn.hook_v", setOf(projV)},
	rotQ: {"attn.hook_rot_q", setOf(projQ)}, rotK: {"attn.hook_rot_k", setOf(projK)},
	attnScores: {"attn.hook_attn_scores", byQK}, attnPattern: {"attn.hook_pattern", byQK}, hookZ: {"attn.hook_z", byQKV},
	oA: {hookA, byQKV}, oDelta: {hookDelta, byAttn},
	ln1PostNormalized: {"ln1_post.hook_normalized", byAttn},
	attnOut:           {"hook_attn_out", byAttn}, residMid: {"hook_resid_mid", byAttn},
	ln2Normalized: {"ln2.hook_normalized", byAttn}, expertWeights: {"mlp.hook_expert_weights", byAttn},
	gateA: {hookA, byAttn}, gateDelta: {hookDelta, byPre}, upA: {hookA, byAttn}, upDelta: {hookDelta, byUp},
	mlpPre: {"mlp.hook_pre", byPre}, mlpPreLinear: {"mlp.hook_pre_linear", byUp}, mlpPost: {"mlp.hook_post", byPost},
	downA: {hookA, byPost}, downDelta: {hookDelta, byAll},
	ln2PostNormalized: {"ln2_post.hook_normalized", byAll},
	mlpOut:            {"hook_mlp_out", byAll}, residPost: {"hook_resid_post", byAll},
}

// by is the projections of its block that a hook depends on.
func (s *Spec) by(p point) projs {
	set := sites[p].by
	if p == mlpPre && !s.Gated {
		set = byUp
	}
	if s.Parallel && p >= ln2Normalized && p < residPost {
		set &^= byAttn
	}
	return set
}

// hookA and hookDelta end the names of an adapter's hooks.
const (
	hookA     = "lora.hook_a"
	hookDelta = "lora.hook_delta"
)

// loraPoints are the points of a projection's adapter.
var loraPoints = [nProjs]struct{ a, delta point }{
	{qA, qDelta}, {kA, kDelta}, {vA, vDelta}, {oA, oDelta}, {gateA, gateDelta}, {upA, upDelta}, {downA, downDelta},
}

// hookID identifies a hook of a model: its block and point, or one of those
// before the blocks. The hook after them is finalHook.
type hookID int

const (
	embedA       hookID = -4 // of factors on the embedding
	embedDelta   hookID = -3
	embedHook    hookID = -2
	posEmbedHook hookID = -1
	embedName           = "hook_embed"
	posEmbedName        = "hook_pos_embed"
	finalName           = "ln_final.hook_normalized"
)

func hookAt(layer int, p point) hookID { return hookID(layer*int(nPoints) + int(p)) }

// finalHook is ln_final.hook_normalized.
func (s *Spec) finalHook() hookID { return hookAt(s.Layers, 0) }

// unembedHooks are the hooks of factors on the unembedding.
func unembedHooks(s *Spec) ownHooks { return ownHooks{s.finalHook() + 1, s.finalHook() + 2} }

// endName is the name of a hook outside the blocks, "" of others.
func (s *Spec) endName(h hookID) string {
	switch h {
	case embedA:
		return "embed." + hookA
	case embedDelta:
		return "embed." + hookDelta
	case embedHook:
		return embedName
	case posEmbedHook:
		return posEmbedName
	case s.finalHook():
		return finalName
	case unembedHooks(s).a:
		return "unembed." + hookA
	case unembedHooks(s).delta:
		return "unembed." + hookDelta
	}
	return ""
}

func (h hookID) layer() int {
	if h < 0 {
		return -1
	}
	return int(h) / int(nPoints)
}

func (h hookID) point() point {
	if h < 0 {
		return residPost
	}
	return point(int(h) % int(nPoints))
}

// adapts is the projection whose adapter the hook belongs to.
func (h hookID) adapts() (p proj, isA, ok bool) {
	if h < 0 {
		return 0, false, false
	}
	for p, at := range loraPoints {
		if at.a == h.point() || at.delta == h.point() {
			return proj(p), at.a == h.point(), true
		}
	}
	return 0, false, false
}

// hookName is the name of a hook.
func (m *Model) hookName(h hookID) string {
	if name := m.Spec.endName(h); name != "" {
		return name
	}
	return "blocks." + strconv.Itoa(h.layer()) + "." + m.pointName(h)
}

// pointName is the name of a hook inside its block. Where norms stand behind
// attention and MLP only, they are ln1 and ln2 there.
func (m *Model) pointName(h hookID) string {
	name := sites[h.point()].name
	if p, _, ok := h.adapts(); ok {
		return m.projName(p) + "." + name
	}
	if m.Spec.Placement == PostNorm {
		name = strings.Replace(name, "_post.hook_normalized", ".hook_normalized", 1)
	}
	return name
}

// projName is the path of a projection's module inside a block; a part of a fused
// module has its own name behind: self_attn.qkv_proj.q.
func (m *Model) projName(p proj) string {
	md := moduleOf(m.fam.hf.modules, p)
	switch {
	case md == nil:
		return projPath[p]
	case len(md.parts) == 1:
		return md.path
	}
	return md.path + "." + [nProjs]string{"q", "k", "v", "o", "gate", "up", "down"}[p]
}

// exists tells whether the model has hook h, adapters' aside.
func (s *Spec) exists(h hookID) bool {
	switch {
	case h < posEmbedHook, h >= s.finalHook():
		return true
	case h == posEmbedHook:
		return s.LearnedPositions
	}
	b := s.Blocks[h.layer()]
	switch h.point() {
	case ln1Normalized, ln2Normalized:
		return s.Placement.before()
	case ln1PostNormalized, ln2PostNormalized:
		return s.Placement.after()
	case rotQ, rotK:
		return b.Rope >= 0
	case residMid:
		return !s.Parallel
	case expertWeights:
		return b.MoE
	case mlpPre, mlpPost:
		return !b.MoE
	case mlpPreLinear:
		return s.Gated && !b.MoE
	}
	return true
}

// ends are the hooks outside the blocks.
func (s *Spec) ends() []hookID {
	u := unembedHooks(s)
	return []hookID{embedA, embedDelta, embedHook, posEmbedHook, s.finalHook(), u.a, u.delta}
}

// parseHook reads a hook name.
func (m *Model) parseHook(name string) (hookID, bool) {
	for _, h := range m.Spec.ends() {
		if m.Spec.endName(h) == name {
			return h, m.Spec.exists(h)
		}
	}
	rest, ok := strings.CutPrefix(name, "blocks.")
	number, rest, ok2 := strings.Cut(rest, ".")
	l, err := strconv.Atoi(number)
	if !ok || !ok2 || err != nil || l < 0 || l >= m.Spec.Layers || strconv.Itoa(l) != number {
		return 0, false
	}
	for p := range nPoints {
		if h := hookAt(l, p); m.Spec.exists(h) && m.pointName(h) == rest {
			return h, true
		}
	}
	return 0, false
}

// info describes hook h; its Dim is 0 when it belongs to an adapter that a does
// not have (a may be nil), or to nothing.
func (m *Model) info(h hookID, a *Adapter) HookInfo {
	s := &m.Spec
	i := HookInfo{Layer: h.layer(), Dim: s.DModel}
	if !s.exists(h) {
		return HookInfo{}
	}
	i.Name = m.hookName(h)
	if h < 0 || h >= s.finalHook() {
		i.Dim = a.endDim(h, s)
		return i
	}
	switch h.point() {
	case hookQ, rotQ, hookZ:
		i.Dim, i.Heads = s.Heads*s.DHead, s.Heads
	case hookK, rotK, hookV:
		i.Dim, i.Heads = s.KVHeads*s.DHead, s.KVHeads
	case attnScores, attnPattern:
		i.Dim, i.Heads, i.PerKey = s.Heads, s.Heads, true
	case mlpPre, mlpPreLinear, mlpPost:
		i.Dim = s.DMLP
	case expertWeights:
		i.Dim = s.Experts
	}
	p, isA, ok := h.adapts()
	if !ok {
		return i
	}
	i.Dim = a.at(h.layer(), p).dim(isA)
	return i
}

// endDim is the width of a hook outside the blocks; 0 of one that belongs to an
// adapter that a does not have.
func (a *Adapter) endDim(h hookID, s *Spec) int {
	u := unembedHooks(s)
	switch h {
	case embedHook, posEmbedHook, s.finalHook():
		return s.DModel
	}
	if a == nil {
		return 0
	}
	if h == embedA || h == embedDelta {
		return a.embed.dim(h == embedA)
	}
	return a.unembed.dim(h == u.a)
}

// dim is the width of hook_a or hook_delta of a layer's factors, 0 without any.
func (c *changes) dim(isA bool) int {
	switch {
	case c == nil || len(c.low) == 0:
		return 0
	case isA:
		return c.r
	}
	return c.out
}

// Hooks lists every hook in the order of computation, those of adapter a
// included (nil: none).
func (m *Model) Hooks(a *Adapter) []HookInfo {
	var out []HookInfo
	for h := embedA; h <= unembedHooks(&m.Spec).delta; h++ {
		if i := m.info(h, a); i.Dim > 0 {
			out = append(out, i)
		}
	}
	return out
}

// Hook finds a hook by name. A name that is no hook is an error that wraps
// ErrUnknownHook and holds the nearest name; one of an adapter's hooks without
// that adapter wraps ErrUnreached.
func (m *Model) Hook(name string, a *Adapter) (HookInfo, error) {
	h, err := m.hook(name, a)
	if err != nil {
		return HookInfo{}, err
	}
	return m.info(h, a), nil
}

func (m *Model) hook(name string, a *Adapter) (hookID, error) {
	h, ok := m.parseHook(name)
	if !ok {
		return 0, fmt.Errorf("model: %w %q, nearest is %q", ErrUnknownHook, name, m.nearestHook(name, a))
	}
	if m.info(h, a).Dim > 0 {
		return h, nil
	}
	if a == nil {
		return 0, fmt.Errorf("model: %w: %q belongs to an adapter and there is none", ErrUnreached, name)
	}
	return 0, fmt.Errorf("model: %w: %q: the adapter %s has no module there, nearest is %q", ErrUnreached, name, a.Name(), m.nearestHook(name, a))
}

// nearestHook is the existing hook with the smallest edit distance to name.
func (m *Model) nearestHook(name string, a *Adapter) string {
	best, at := len(name)+64, embedName
	for _, h := range m.Hooks(a) {
		if d := editDistance(name, h.Name); d < best {
			best, at = d, h.Name
		}
	}
	return at
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
