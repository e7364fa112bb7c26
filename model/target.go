package model

import (
	"fmt"
	"slices"
	"strings"

	"agar/model/lora"
)

// target is what a name in an adapter means in a model: a linear layer of a block,
// the embedding, or the unembedding.
type target struct {
	layer int     // −1 for the embedding, Layers for the unembedding
	mod   *module // of a block
}

// modulePath is a module by its place in the model.
func (m *Model) modulePath(t target) string {
	hf := &m.fam.hf
	switch t.layer {
	case -1:
		return strings.TrimSuffix(hf.embed, ".weight")
	case m.Spec.Layers:
		return strings.TrimSuffix(hf.unembed, ".weight")
	}
	return fmt.Sprintf(hf.block, t.layer) + t.mod.path
}

// targets are all modules that factors may sit on, by name.
func (m *Model) targets() map[string]target {
	out := map[string]target{}
	put := func(t target) { out[m.modulePath(t)] = t }
	put(target{layer: -1})
	put(target{layer: m.Spec.Layers})
	for l := range m.Spec.Layers {
		for i := range m.fam.hf.modules {
			if md := &m.fam.hf.modules[i]; m.Spec.has(l, md.parts[0].proj) {
				put(target{l, md})
			}
		}
	}
	return out
}

// shape is the [out, in] of a target; of an embedding in is the number of tokens.
func (m *Model) shape(t target) (out, in int) {
	s := &m.Spec
	switch t.layer {
	case -1:
		return s.DModel, s.Vocab
	case s.Layers:
		return s.Vocab, s.DModel
	}
	return t.mod.shape(s)
}

// aliases are other ways in which a module is called: with the language model
// inside a larger one, or without the head around the decoder.
func (m *Model) aliases(name string) []string {
	var out []string
	for _, x := range [][2]string{{"model.language_model.", "model."}, {"language_model.model.", "model."}, {"language_model.", ""}} {
		if rest, ok := strings.CutPrefix(name, x[0]); ok {
			out = append(out, x[1]+rest)
		}
	}
	for _, head := range []string{"lm_head", "embed_out"} {
		if rest, ok := strings.CutPrefix(name, head); ok && (rest == "" || rest[0] == '.') {
			out = append(out, m.modulePath(target{layer: m.Spec.Layers})+rest)
		}
	}
	decoder, _, _ := strings.Cut(m.fam.hf.block, ".")
	return append(out, decoder+"."+name)
}

// named finds what an adapter calls name among what is known by its own.
func named[T any](m *Model, known map[string]T, name string) (T, string, bool) {
	for _, n := range append([]string{name}, m.aliases(name)...) {
		if t, ok := known[n]; ok {
			return t, n, true
		}
	}
	var none T
	return none, "", false
}

// place finds the target of a module. A steering vector sits on its block's last
// layer whatever the family calls it.
func (m *Model) place(known map[string]target, x *lora.Module) (target, bool) {
	if x.Kind == lora.Steering {
		if x.Layer >= m.Spec.Layers || !m.Spec.has(x.Layer, projDown) {
			return target{}, false
		}
		return target{x.Layer, moduleOf(m.fam.hf.modules, projDown)}, true
	}
	t, _, ok := named(m, known, x.Name)
	return t, ok && (t.layer == -1) == (x.Kind == lora.Embedding)
}

// missing are the modules of the model that the adapter's settings target and of
// which its file holds nothing.
func (m *Model) missing(known map[string]target, l *lora.Adapter) ([]string, error) {
	if len(l.Config.TargetModules) == 0 {
		return nil, nil
	}
	held, rename := map[string]bool{}, func(name string) string { return name }
	for i := range l.Modules {
		name := l.Modules[i].Name
		_, n, ok := named(m, known, name)
		if held[n] = true; ok && n != name {
			rename = renaming(n, name)
		}
	}
	everything := l.Config.TargetRegexp && strings.EqualFold(l.Config.TargetModules[0], "all-linear")
	var out []string
	for name, t := range known {
		if held[name] || everything && t.mod == nil {
			continue
		}
		wanted, err := l.Config.Targets(rename(name))
		if err != nil {
			return nil, err
		}
		if wanted {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// renaming turns names of the model into those of an adapter that calls from to.
func renaming(from, to string) func(string) string {
	for from != "" && to != "" && from[len(from)-1] == to[len(to)-1] {
		from, to = from[:len(from)-1], to[:len(to)-1]
	}
	return func(name string) string {
		if rest, ok := strings.CutPrefix(name, from); ok {
			return to + rest
		}
		return name
	}
}

// parameter is what a name of a parameter means in a model.
type parameter struct {
	shape []int
	// one of these
	matrix *target  // weight of a layer
	vector *vecSpot // norm or bias
	posEmb bool     // learned positions
}

// vecSpot is a vector: a norm's, or a module's bias.
type vecSpot struct {
	layer int // Layers for the norm behind the blocks
	id    vectorID
	mod   *module // of a bias
	norm  bool    // a norm's weight, stored less one where Spec says so
}

// parameters are all parameters of the model that may be trained in full, by name.
func (m *Model) parameters() map[string]parameter {
	s, hf := &m.Spec, &m.fam.hf
	out := map[string]parameter{}
	for name, t := range m.targets() {
		o, i := m.shape(t)
		shape := []int{o, i}
		if t.layer == -1 || t.mod != nil && t.mod.inOut {
			shape = []int{i, o}
		}
		out[name+".weight"] = parameter{shape: shape, matrix: &t}
		if t.mod != nil && s.biased(t.mod.parts[0].proj) {
			out[name+".bias"] = parameter{shape: []int{o}, vector: &vecSpot{layer: t.layer, mod: t.mod}}
		}
	}
	if s.LearnedPositions {
		out[hf.positions] = parameter{shape: []int{s.MaxPos, s.DModel}, posEmb: true}
	}
	m.normParameters(out, hf.norm, s.Layers, vecLn1, s.DModel)
	for l := range s.Layers {
		prefix, k := fmt.Sprintf(hf.block, l), &m.w.blocks[l]
		for _, x := range []struct {
			id   vectorID
			name string
			w    []float32
		}{{vecLn1, hf.ln1, k.ln1.w}, {vecLn1Post, hf.ln1Post, k.ln1Post.w}, {vecLn2, hf.ln2, k.ln2.w}, {vecLn2Post, hf.ln2Post, k.ln2Post.w}} {
			if x.w != nil {
				m.normParameters(out, prefix+x.name, l, x.id, s.DModel)
			}
		}
		if s.QKNorm != NoQKNorm {
			q, kw := s.qkNormWidths()
			out[prefix+hf.qNorm+".weight"] = parameter{shape: []int{q}, vector: &vecSpot{layer: l, id: vecQNorm, norm: true}}
			out[prefix+hf.kNorm+".weight"] = parameter{shape: []int{kw}, vector: &vecSpot{layer: l, id: vecKNorm, norm: true}}
		}
	}
	return out
}

// normParameters adds the weight of a norm and, of a LayerNorm, its bias.
func (m *Model) normParameters(out map[string]parameter, name string, layer int, id vectorID, n int) {
	out[name+".weight"] = parameter{shape: []int{n}, vector: &vecSpot{layer: layer, id: id, norm: true}}
	if m.Spec.Norm == LayerNorm {
		out[name+".bias"] = parameter{shape: []int{n}, vector: &vecSpot{layer: layer, id: id + 1}}
	}
}
