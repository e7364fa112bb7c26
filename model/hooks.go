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
	Dim   int // width of a row
	Layer int // block, −1 for hook_embed
}

// point is a hook inside a block, in the order in which they fire.
type point int

const (
	residPre point = iota
	qA
	qDelta
	kA
	kDelta
	vA
	vDelta
	oA
	oDelta
	attnOut
	residMid
	gateA
	gateDelta
	upA
	upDelta
	mlpPost
	downA
	downDelta
	mlpOut
	residPost
	nPoints
)

// site is what a hook inside a block is called and what it depends on there:
// adapters on projections whose stage is below upstream change it.
type site struct {
	name     string
	upstream int
}

var sites = [nPoints]site{
	residPre: {"hook_resid_pre", 0},
	qA:       {"self_attn.q_proj.lora.hook_a", 0}, qDelta: {"self_attn.q_proj.lora.hook_delta", 1},
	kA: {"self_attn.k_proj.lora.hook_a", 0}, kDelta: {"self_attn.k_proj.lora.hook_delta", 1},
	vA: {"self_attn.v_proj.lora.hook_a", 0}, vDelta: {"self_attn.v_proj.lora.hook_delta", 1},
	oA: {"self_attn.o_proj.lora.hook_a", 1}, oDelta: {"self_attn.o_proj.lora.hook_delta", 2},
	attnOut: {"hook_attn_out", 2}, residMid: {"hook_resid_mid", 2},
	gateA: {"mlp.gate_proj.lora.hook_a", 2}, gateDelta: {"mlp.gate_proj.lora.hook_delta", 3},
	upA: {"mlp.up_proj.lora.hook_a", 2}, upDelta: {"mlp.up_proj.lora.hook_delta", 3},
	mlpPost: {"mlp.hook_post", 3},
	downA:   {"mlp.down_proj.lora.hook_a", 3}, downDelta: {"mlp.down_proj.lora.hook_delta", 4},
	mlpOut: {"hook_mlp_out", 4}, residPost: {"hook_resid_post", 4},
}

// loraPoints are the points of a projection's adapter.
var loraPoints = [nProjs]struct{ a, delta point }{
	{qA, qDelta}, {kA, kDelta}, {vA, vDelta}, {oA, oDelta}, {gateA, gateDelta}, {upA, upDelta}, {downA, downDelta},
}

// stages order the projections of a block: what a projection reads depends on
// those of a lower stage.
var stages = [nProjs]int{projO: 1, projGate: 2, projUp: 2, projDown: 3}

const stagesPerBlock = 4

// hookID identifies a hook of a model: its block and point, or embedHook.
type hookID int

const (
	embedHook hookID = -1
	embedName        = "hook_embed"
)

func hookAt(layer int, p point) hookID { return hookID(layer*int(nPoints) + int(p)) }

func (h hookID) layer() int {
	if h == embedHook {
		return -1
	}
	return int(h) / int(nPoints)
}

func (h hookID) point() point {
	if h == embedHook {
		return residPost
	}
	return point(int(h) % int(nPoints))
}

// String is the hook's name.
func (h hookID) String() string {
	if h == embedHook {
		return embedName
	}
	return "blocks." + strconv.Itoa(h.layer()) + "." + sites[h.point()].name
}

// adapts is the projection whose adapter the hook belongs to.
func (h hookID) adapts() (p proj, isA, ok bool) {
	if h == embedHook {
		return 0, false, false
	}
	for p, at := range loraPoints {
		if at.a == h.point() || at.delta == h.point() {
			return proj(p), at.a == h.point(), true
		}
	}
	return 0, false, false
}

// parseHook reads a hook name.
func parseHook(name string, layers int) (hookID, bool) {
	if name == embedName {
		return embedHook, true
	}
	rest, ok := strings.CutPrefix(name, "blocks.")
	number, rest, ok2 := strings.Cut(rest, ".")
	l, err := strconv.Atoi(number)
	if !ok || !ok2 || err != nil || l < 0 || l >= layers || strconv.Itoa(l) != number {
		return 0, false
	}
	for p, s := range sites {
		if s.name == rest {
			return hookAt(l, point(p)), true
		}
	}
	return 0, false
}

// dim is the width of a hook; 0 when it belongs to an adapter that a does not
// have (a may be nil).
func (m *Model) dim(h hookID, a *Adapter) int {
	p, isA, ok := h.adapts()
	switch {
	case !ok && h.point() == mlpPost:
		return m.Spec.DMLP
	case !ok:
		return m.Spec.DModel
	}
	t := a.at(h.layer(), p)
	switch {
	case t == nil:
		return 0
	case isA:
		return t.r
	}
	return t.out
}

// Hooks lists every hook in the order of computation, those of adapter a
// included (nil: none).
func (m *Model) Hooks(a *Adapter) []HookInfo {
	out := []HookInfo{{embedName, m.Spec.DModel, -1}}
	for h := hookAt(0, 0); h < hookAt(m.Spec.Layers, 0); h++ {
		if d := m.dim(h, a); d > 0 {
			out = append(out, HookInfo{h.String(), d, h.layer()})
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
	return HookInfo{name, m.dim(h, a), h.layer()}, nil
}

func (m *Model) hook(name string, a *Adapter) (hookID, error) {
	h, ok := parseHook(name, m.Spec.Layers)
	if !ok {
		return 0, fmt.Errorf("model: %w %q, nearest is %q", ErrUnknownHook, name, m.nearestHook(name, a))
	}
	if m.dim(h, a) > 0 {
		return h, nil
	}
	if a == nil {
		return 0, fmt.Errorf("model: %w: %q belongs to an adapter and there is none", ErrUnreached, name)
	}
	return 0, fmt.Errorf("model: %w: %q: the adapter in %s has no module there, nearest is %q", ErrUnreached, name, a.lora.Dir, m.nearestHook(name, a))
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
