package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"agar/model/gguf"
)

// ggufConfig reads the metadata of one architecture of a GGUF file, as config does
// a config.json. Keys are named without the architecture in front.
type ggufConfig struct {
	f    *gguf.File
	src  *ggufTensors
	arch string
	read map[string]bool
	err  error
}

func (g *ggufConfig) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// key is the whole name of a key, which counts as read from now on.
func (g *ggufConfig) key(key string) string {
	key = g.arch + "." + key
	g.read[key] = true
	return key
}

func (g *ggufConfig) has(key string) bool { return g.f.Has(g.key(key)) }

func (g *ggufConfig) keep(err error) {
	if err != nil && g.err == nil {
		g.err = err
	}
}

// need reads an integer that has no default.
func (g *ggufConfig) need(key string) int {
	v, err := g.f.Uint(g.key(key))
	g.keep(err)
	return int(min(v, maxPos))
}

func (g *ggufConfig) int(key string, def int) int {
	if !g.has(key) {
		return def
	}
	return g.need(key)
}

func (g *ggufConfig) float(key string, def float64) float64 {
	if !g.has(key) {
		return def
	}
	v, err := g.f.Float(g.key(key))
	g.keep(err)
	return v
}

func (g *ggufConfig) bool(key string, def bool) bool {
	if !g.has(key) {
		return def
	}
	v, err := g.f.Bool(g.key(key))
	g.keep(err)
	return v
}

func (g *ggufConfig) string(key, def string) string {
	if !g.has(key) {
		return def
	}
	v, err := g.f.String(g.key(key))
	g.keep(err)
	return v
}

// harmlessGGUF are keys of an architecture that change no number.
var harmlessGGUF = []string{"vocab_size", "rope.scaling.finetuned", "tensor_data_layout", "block_count", "attention.causal"}

// unread names the keys of the architecture that nobody read.
func (g *ggufConfig) unread() []string {
	for _, k := range harmlessGGUF {
		g.key(k)
	}
	var left []string
	for _, k := range g.f.Keys() {
		if strings.HasPrefix(k, g.arch+".") && !g.read[k] {
			left = append(left, k)
		}
	}
	slices.Sort(left)
	return left
}

// decoder reads what all architectures have in common; eps is the key of the
// norms' epsilon.
func (g *ggufConfig) decoder(eps string) Spec {
	s := Spec{
		Layers: g.need("block_count"), DModel: g.need("embedding_length"), DMLP: g.need("feed_forward_length"),
		Heads: g.need("attention.head_count"), MaxPos: g.need("context_length"), NormEps: g.float(eps, 0), Gated: true,
	}
	s.KVHeads = g.int("attention.head_count_kv", s.Heads)
	s.DHead = g.int("attention.key_length", s.DModel/max(s.Heads, 1))
	if v := g.int("attention.value_length", s.DHead); v != s.DHead {
		g.fail("%s.attention.value_length: found %d, expected the length of keys %d", g.arch, v, s.DHead)
	}
	if !g.bool("attention.causal", true) {
		g.fail("%s.attention.causal is false, expected a causal model", g.arch)
	}
	return s
}

// The keys of epsilon.
const (
	rmsEps   = "attention.layer_norm_rms_epsilon"
	layerEps = "attention.layer_norm_epsilon"
)

// rope reads a rotary embedding.
func (g *ggufConfig) rope(theta float64, s *Spec) Rope {
	r := Rope{Theta: g.float("rope.freq_base", theta), Dim: g.int("rope.dimension_count", s.DHead)}
	kind, factor := g.string("rope.scaling.type", "none"), g.float("rope.scaling.factor", 1)
	original := g.int("rope.scaling.original_context_length", s.MaxPos)
	attn := g.float("rope.scaling.attn_factor", 1)
	switch {
	case kind == "none":
	case kind == "linear" && factor == 1:
	case kind == "linear":
		r.Scaling = RopeScaling{Type: "linear", Factor: factor}
	case kind == "yarn":
		r.Scaling = RopeScaling{Type: "yarn", Factor: factor, OriginalMaxPos: original,
			BetaFast: g.float("rope.scaling.yarn_beta_fast", 32), BetaSlow: g.float("rope.scaling.yarn_beta_slow", 1)}
		r.Scaling.Attention = attn * (1 + 0.1*math.Log(factor))
		attn = 1
	case kind == "longrope" && g.src.index["rope_factors_long.weight"].Name != "":
	default:
		g.fail("%s.rope.scaling.type %q is not supported, expected none, linear or yarn", g.arch, kind)
	}
	if g.longrope(&r, original, attn, s.MaxPos) {
		return r
	}
	if attn != 1 {
		g.fail("%s.rope.scaling.attn_factor %g is not supported with scaling %q", g.arch, attn, kind)
	}
	return r
}

// longrope reads the divisors that a file has as tensors.
func (g *ggufConfig) longrope(r *Rope, original int, attn float64, maxPos int) bool {
	long, short := g.floats("rope_factors_long.weight"), g.floats("rope_factors_short.weight")
	if long == nil && short == nil {
		return false
	}
	r.Scaling = RopeScaling{Type: "longrope", Factor: max(float64(maxPos)/float64(max(original, 1)), 1), OriginalMaxPos: original, Attention: attn, Short: short, Long: long}
	return true
}

// floats decodes a vector that need not be there.
func (g *ggufConfig) floats(name string) []float64 {
	t, ok, err := g.src.tensor(name)
	if g.keep(err); !ok || err != nil {
		return nil
	}
	x, err := t.float32()
	g.keep(err)
	var out []float64
	for _, v := range x {
		out = append(out, float64(v))
	}
	return out
}

// ggufSpec gives the Spec of a file: what its metadata say, completed with what
// only the tensors tell. A key of the architecture that the family does not know is
// an error that names it.
func ggufSpec(fam *family, f *gguf.File, src *ggufTensors) (Spec, error) {
	g := &ggufConfig{f: f, src: src, arch: fam.ggufName, read: map[string]bool{}}
	s := fam.ggufSpec(g)
	s.Architecture = fam.architectures[0]
	if left := g.unread(); len(left) > 0 {
		g.fail("%s is not known of %s and could change its numbers", strings.Join(left, ", "), s.Architecture)
	}
	if g.err != nil {
		return s, g.err
	}
	embed, ok, err := src.tensor(fam.gguf.embed)
	if err != nil || !ok {
		return s, fmt.Errorf("tensor %q: expected the embedding: %w", fam.gguf.embed, err)
	}
	s.Vocab = embed.rows
	_, untied := src.index[fam.gguf.unembed]
	s.TieEmbeddings = !untied
	s.QKVBias, s.OBias, s.MLPBias = src.biased(fam, projQ), src.biased(fam, projO), src.biased(fam, projDown)
	if t, ok, err := src.tensor(fam.gguf.ropeDivisors); err != nil {
		return s, err
	} else if ok && len(s.Ropes) > 0 {
		if s.Ropes[0].Scaling.Divisors, err = t.float32(); err != nil {
			return s, err
		}
	}
	s.complete()
	return s, s.check()
}

// biased tells whether the file has a bias for projection p of the first block.
func (g *ggufTensors) biased(fam *family, p proj) bool {
	_, ok := g.index[fmt.Sprintf(fam.gguf.block, 0)+moduleOf(fam.gguf.modules, p).path+".bias"]
	return ok
}
