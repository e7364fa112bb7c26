package model

import (
	"context"
	"errors"
	"fmt"
	"math"

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
	File      string            `json:"file"`
	SHA256    string            `json:"sha256"`
	BaseModel string            `json:"base_model"`
	Match                       // which modules the model has
	Modules   []ModuleInspected `json:"modules"` // the matched ones
	FirstHook *string           `json:"first_hook"`
	KL        *ProbeKL          `json:"kl"`
	Warnings  []string          `json:"warnings"`
	Problem   *string           `json:"problem"` // why it cannot be attached
}

// ModuleInspected measures one module of an adapter.
type ModuleInspected struct {
	Name      string  `json:"name"`
	R         int     `json:"r"`
	Scale     float64 `json:"scale"`      // s
	NormA     float64 `json:"norm_a"`     // ‖A‖_F
	NormB     float64 `json:"norm_b"`     // ‖B‖_F
	NormDelta float64 `json:"norm_delta"` // ‖sBA‖_F
	NormW     float64 `json:"norm_w"`     // ‖W‖_F of the module it adapts
	Ratio     float64 `json:"ratio"`      // ‖sBA‖_F / ‖W‖_F
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
// Only reading or computing can fail; an adapter that does not fit is reported.
func (m *Model) Inspect(ctx context.Context, l *lora.Adapter) (*Inspection, error) {
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
	r.Adapter, err = m.inspectAdapter(ctx, l)
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

func (m *Model) inspectAdapter(ctx context.Context, l *lora.Adapter) (*AdapterInspected, error) {
	r := &AdapterInspected{
		Dir: l.Dir, File: l.File, SHA256: l.SHA256, BaseModel: l.Config.BaseModel,
		Match: m.Match(l), Modules: []ModuleInspected{}, Warnings: append([]string{}, l.Warnings...),
	}
	for i := range l.Modules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x := &l.Modules[i]
		if p, ok := m.projOf(x); ok {
			r.Modules = append(r.Modules, inspectModule(x, m.w.blocks[x.Layer].projs[p]))
		}
	}
	a, err := m.Attach(l, AttachOptions{AllowZero: true})
	if errors.Is(err, ErrAdapter) {
		why := err.Error()
		r.Problem = &why
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	first := a.FirstHook()
	r.Warnings, r.FirstHook = append([]string{}, a.Warnings()...), &first
	if l.Zero() {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%s: every B is zero, so the adapter changes nothing", l.Dir))
	}
	r.KL, err = m.probe(ctx, a)
	return r, err
}

// inspectModule measures an adapter's module and the weight that it adapts.
func inspectModule(x *lora.Module, w *tensor.Weight) ModuleInspected {
	r := ModuleInspected{
		Name: x.Name, R: x.R, Scale: x.Scale, NormA: x.NormA(), NormB: x.NormB(), NormDelta: x.NormDelta(), NormW: frobenius(w),
	}
	if r.NormW > 0 {
		r.Ratio = r.NormDelta / r.NormW
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
	ids := m.Tokenizer.Encode(ProbeText, true).IDs
	ids = ids[:min(len(ids), m.Spec.MaxPos)]
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
