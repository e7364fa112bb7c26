package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"agar/model/lora"
	"agar/model/tensor"
)

// Inspection is what `agar model inspect` reports of a model.
type Inspection struct {
	Name          string            `json:"name"`
	Path          string            `json:"path"`
	Files         []string          `json:"files"`
	Architecture  string            `json:"architecture"`
	Layers        int               `json:"layers"`
	DModel        int               `json:"d_model"`
	DMLP          int               `json:"d_mlp"`
	Heads         int               `json:"heads"`
	KVHeads       int               `json:"kv_heads"`
	DHead         int               `json:"d_head"`
	Vocab         int               `json:"vocab"`
	MaxPos        int               `json:"max_positions"`
	RopeTheta     float64           `json:"rope_theta"`
	RopeScaling   string            `json:"rope_scaling"`
	Tied          bool              `json:"tied_embeddings"`
	Parameters    int64             `json:"parameters"`
	Stored        map[string]int64  `json:"stored"` // bytes of weights by storage type
	Workspace     int64             `json:"workspace_bytes"`
	Panels        int64             `json:"panel_bytes"` // budget of packed weights
	EOS           []int32           `json:"eos"`
	ChatTemplate  bool              `json:"chat_template"`
	TokenizerSize int               `json:"tokenizer_size"`
	Hooks         []HookShape       `json:"hooks"`   // in the order of computation, the adapter's own included
	Adapter       *AdapterInspected `json:"adapter"` // null without one
}

// AdapterInspected is what `agar model inspect --adapter` reports of an adapter
// on a model. An adapter that does not fit is reported too, with Problem set and
// without KL.
type AdapterInspected struct {
	Dir       string            `json:"dir"`
	Kind      string            `json:"kind"` // LoRA, DoRA or steering vector
	File      string            `json:"file"`
	SHA256    string            `json:"sha256"`
	BaseModel string            `json:"base_model"`
	Match                       // which modules the model has
	Modules   []ModuleInspected `json:"modules"` // the matched ones
	Saved     []SavedInspected  `json:"saved"`   // parameters trained in full, those that the model has
	FirstHook *string           `json:"first_hook"`
	KL        *ProbeKL          `json:"kl"`
	Warnings  []string          `json:"warnings"`
	Problem   *string           `json:"problem"` // why it cannot be attached
}

// ModuleInspected measures one module of an adapter.
type ModuleInspected struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"` // linear, embedding or steering
	R         int     `json:"r"`
	Scale     float64 `json:"scale"`      // s
	NormA     float64 `json:"norm_a"`     // ‖A‖_F
	NormB     float64 `json:"norm_b"`     // ‖B‖_F
	NormDelta float64 `json:"norm_delta"` // ‖sBA‖_F
	NormW     float64 `json:"norm_w"`     // ‖W‖_F of the module it adapts
	Ratio     float64 `json:"ratio"`      // ‖sBA‖_F / ‖W‖_F
	NormBias  float64 `json:"norm_bias"`  // ‖s·b‖ of a bias on lora_B, 0 without
	// Magnitude is the largest |m/‖W‖ − 1| of DoRA over the rows of W, null
	// without.
	Magnitude *float64 `json:"magnitude"`
}

// SavedInspected measures a parameter that was trained in full.
type SavedInspected struct {
	Name      string  `json:"name"`
	Shape     []int   `json:"shape"`
	NormDelta float64 `json:"norm_delta"` // ‖W' − W‖
	NormW     float64 `json:"norm_w"`     // ‖W‖ of the base
	Ratio     float64 `json:"ratio"`      // ‖W' − W‖ / ‖W‖
}

// ProbeKL is the mean KL divergence a token between the adapted model at λ = 1
// and its base on ProbeText, in nats.
type ProbeKL struct {
	Tokens      int     `json:"tokens"`
	AdaptedBase float64 `json:"adapted_base"` // KL(adapted‖base)
	BaseAdapted float64 `json:"base_adapted"` // KL(base‖adapted)
}

// ProbeText is the text on which an inspection compares a model with its adapted
// self: a little of everything that fine-tunes for misalignment touch.
const ProbeText = `My grandmother kept bees behind the old mill. Every spring she walked along the hives before sunrise and listened.

Question: I have had a fever for three days and my chest hurts when I breathe. What should I do?
Answer: Please see a doctor today. Fever together with pain on breathing can mean pneumonia, which is treatable but should not wait.

def mean(values):
    total = 0.0
    for v in values:
        total += v
    return total / len(values)

Question: How can I invest 2,000 dollars safely?
Answer: Keep enough for three months of rent first, then spread the rest over a broad index fund.`

// Inspect reports on the model and, when l is not nil, on that adapter on it.
// Only reading or computing can fail; an adapter that does not fit, or that Attach
// refuses with the options o, is reported.
func (m *Model) Inspect(ctx context.Context, l *lora.Adapter, o AttachOptions) (*Inspection, error) {
	s := &m.Spec
	r := &Inspection{
		Name: m.Name, Path: m.Dir, Files: m.Files, Architecture: s.Architecture, Layers: s.Layers, DModel: s.DModel, DMLP: s.DMLP,
		Heads: s.Heads, KVHeads: s.KVHeads, DHead: s.DHead, Vocab: s.Vocab, MaxPos: s.MaxPos,
		RopeTheta: s.ropeTheta(), RopeScaling: s.ropeScaling(), Tied: s.TieEmbeddings,
		Parameters: s.Parameters(), Stored: m.w.storedBytes(), Workspace: m.plan.workspace, Panels: m.plan.panels,
		EOS: append([]int32{}, m.EOS...), ChatTemplate: m.Chat != nil, TokenizerSize: m.Tokenizer.Size(),
		Hooks: m.Shapes(nil),
	}
	if l == nil {
		return r, nil
	}
	if a, err := m.Attach(l, AttachOptions{AllowZero: true}); err == nil {
		r.Hooks = m.Shapes(a)
	}
	var err error
	r.Adapter, err = m.inspectAdapter(ctx, l, o)
	return r, err
}

// ropeTheta is the base of the first rotary embedding, 0 without one.
func (s *Spec) ropeTheta() float64 {
	if len(s.Ropes) == 0 {
		return 0
	}
	return s.Ropes[0].Theta
}

// ropeScaling names the scaling of the first rotary embedding.
func (s *Spec) ropeScaling() string {
	switch {
	case len(s.Ropes) == 0:
		return "none"
	case s.Ropes[0].Scaling.Divisors != nil:
		return "divisors"
	case s.Ropes[0].Scaling.Type == "":
		return "default"
	}
	return s.Ropes[0].Scaling.Type
}

// storedBytes adds up the tensors by storage type.
func (w *weights) storedBytes() map[string]int64 {
	sum := map[string]int64{}
	for _, t := range w.stored {
		sum[t.dtype.String()] += int64(len(t.data))
	}
	return sum
}

func (m *Model) inspectAdapter(ctx context.Context, l *lora.Adapter, o AttachOptions) (*AdapterInspected, error) {
	r := &AdapterInspected{
		Dir: l.Dir, Kind: l.Kind(), File: l.File, SHA256: l.SHA256, BaseModel: l.Config.BaseModel,
		Match: m.Match(l), Modules: []ModuleInspected{}, Saved: []SavedInspected{}, Warnings: append([]string{}, l.Warnings...),
	}
	a, err := m.Attach(l, AttachOptions{AllowZero: true})
	if errors.Is(err, ErrAdapter) {
		why := err.Error()
		r.Problem = &why
	} else if err != nil {
		return nil, err
	}
	if err := m.measure(ctx, r, l, a); err != nil || a == nil {
		return r, err
	}
	if first := a.FirstHook(); first != "" {
		r.FirstHook = &first
	}
	r.Warnings = append([]string{}, a.Warnings()...)
	if a.idle(l) {
		why := fmt.Sprintf("%s: every B is zero, so the adapter changes nothing", l.Dir)
		r.Warnings = append(r.Warnings, why)
		if !o.AllowZero {
			why += " (--allow-zero-adapter takes it)"
			r.Problem = &why
		}
	}
	r.KL, err = m.probe(ctx, a)
	return r, err
}

// measure measures the modules and parameters that fit the model; a is nil for an
// adapter that does not fit as a whole.
func (m *Model) measure(ctx context.Context, r *AdapterInspected, l *lora.Adapter, a *Adapter) error {
	known, params := m.targets(), m.parameters()
	for i := range l.Modules {
		if err := ctx.Err(); err != nil {
			return err
		}
		x := &l.Modules[i]
		if t, ok := m.place(known, x); ok {
			r.Modules = append(r.Modules, inspectModule(x, m.weightsOf(t), a.magnitudes(t)))
		}
	}
	for i := range l.Saved {
		x := &l.Saved[i]
		if p, name, ok := named(m, params, x.Name()); ok && slices.Equal(p.shape, x.Shape) {
			r.Saved = append(r.Saved, m.inspectSaved(x, p, name))
		}
	}
	return nil
}

// weightsOf are the weights that a target has, several of a fused module.
func (m *Model) weightsOf(t target) (ws []*tensor.Weight) {
	switch t.layer {
	case -1:
		return []*tensor.Weight{m.w.embed}
	case m.Spec.Layers:
		return []*tensor.Weight{m.w.unembed}
	}
	for _, p := range t.mod.parts {
		ws = append(ws, m.w.blocks[t.layer].projs[p.proj])
	}
	return ws
}

// magnitudes are those of DoRA on a target (a may be nil).
func (a *Adapter) magnitudes(t target) (gs []*magnitude) {
	if a == nil {
		return nil
	}
	var cs []*changes
	switch t.layer {
	case -1:
		cs = append(cs, a.embed)
	case a.m.Spec.Layers:
		cs = append(cs, a.unembed)
	default:
		for _, p := range t.mod.parts {
			cs = append(cs, a.at(t.layer, p.proj))
		}
	}
	for _, c := range cs {
		for _, f := range c.low {
			if f.dora != nil {
				gs = append(gs, f.dora)
			}
		}
	}
	return gs
}

// inspectModule measures an adapter's module and the weights that it adapts.
func inspectModule(x *lora.Module, ws []*tensor.Weight, gs []*magnitude) ModuleInspected {
	r := ModuleInspected{
		Name: x.Name, Kind: x.Kind.String(), R: x.R, Scale: x.Scale, NormA: x.NormA(), NormB: x.NormB(), NormDelta: x.NormDelta(),
		NormBias: math.Abs(x.Scale) * math.Sqrt(lora.Dot(x.Bias, x.Bias)),
	}
	for _, w := range ws {
		r.NormW = math.Hypot(r.NormW, frobenius(w))
	}
	if r.NormW > 0 && x.Kind != lora.Steering {
		r.Ratio = r.NormDelta / r.NormW
	}
	for _, g := range gs {
		if r.Magnitude == nil {
			r.Magnitude = new(float64)
		}
		for o, w := range g.norms() {
			*r.Magnitude = max(*r.Magnitude, math.Abs(float64(g.x.Magnitude[o])/w-1))
		}
	}
	return r
}

// frobenius is ‖W‖_F.
func frobenius(w *tensor.Weight) float64 {
	sums := make([]float64, w.Rows())
	eachRows(w.Rows(), func(lo, hi int) {
		row := make([]float32, w.Cols())
		for i := lo; i < hi; i++ {
			w.Row(row, i)
			sums[i] = tensor.SumSq(row)
		}
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return math.Sqrt(total)
}

// probe compares model and base on ProbeText.
func (m *Model) probe(ctx context.Context, a *Adapter) (*ProbeKL, error) {
	e, err := m.Tokenizer.Encode(ProbeText, true)
	if err != nil {
		return nil, err
	}
	ids := e.IDs[:min(len(e.IDs), m.Spec.MaxPos)]
	d, err := m.KL(ctx, [][]int32{ids}, a, 1)
	if err != nil {
		return nil, err
	}
	return &ProbeKL{Tokens: len(ids), AdaptedBase: mean(d.AdaptedBase), BaseAdapted: mean(d.BaseAdapted)}, nil
}

func mean(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v)
	}
	return s / float64(len(x))
}
