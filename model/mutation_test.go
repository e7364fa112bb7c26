package model

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"agar/model/lora"
	"agar/model/parity"
	"agar/model/tensor"
)

// A mutation breaks one thing about a model or an adapter; parity with the
// oracle must notice every one.
type mutation struct {
	name string
	do   func(m *Model, l *lora.Adapter)
}

// runMutations applies each mutation to a fresh copy of a variant and runs one
// case of its dump.
func runMutations(t *testing.T, variant, name string, muts []mutation) {
	dir := filepath.Join("testdata", variant)
	d := openDump(t, filepath.Join(dir, "dump.safetensors"))
	var c *parity.Case
	for i := range d.Cases {
		if d.Cases[i].Name == name {
			c = &d.Cases[i]
		}
	}
	if c == nil {
		t.Fatalf("%s has no case %q", variant, name)
	}
	smallest := math.Inf(1)
	for _, mut := range append([]mutation{{"nothing", func(*Model, *lora.Adapter) {}}}, muts...) {
		m := open(t, dir)
		var l *lora.Adapter
		lambda := float32(0)
		if len(c.Adapters) > 0 {
			lambda = c.Adapters[0].Lambda
			var err error
			if l, err = lora.Load(adapterDir(d, c, 0)); err != nil {
				t.Fatal(err)
			}
		}
		mut.do(m, l)
		var a *Adapter
		if l != nil {
			var err error
			if a, err = m.Attach(l, AttachOptions{AllowZero: true}); err != nil {
				t.Fatal(err)
			}
		}
		worst, err := errorOf(m, d, c, a, lambda)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case mut.name == "nothing" && !(worst <= tolerance):
			t.Fatalf("unbroken: error %.1e", worst)
		case mut.name != "nothing" && worst <= tolerance:
			t.Errorf("%s: parity did not notice, error %.1e", mut.name, worst)
		case mut.name != "nothing":
			smallest = min(smallest, worst)
		}
	}
	t.Logf("%s/%s: %d mutations, the smallest error is %.1e", variant, name, len(muts), smallest)
}

// tolerance is that of a float32 dump.
var tolerance = parity.Tolerance("float32")

// errorOf is the worst error of the hooks and logits of a case.
func errorOf(m *Model, d *parity.Dump, c *parity.Case, a *Adapter, lambda float32) (float64, error) {
	got, err := m.Rows(context.Background(), c, c.Hooks, a, lambda)
	if err != nil {
		return 0, err
	}
	devs, err := d.Compare(c, got)
	return float64((&parity.Report{Deviations: devs}).Worst().Error), err
}

// zeroed is a matrix of zeros of the shape of w.
func zeroed(w *tensor.Weight) *tensor.Weight {
	return tensor.WeightF32(w.Rows(), w.Cols(), make([]float32, w.Rows()*w.Cols()))
}

// everyWeight zeroes each tensor in turn.
func everyWeight(layers int) []mutation {
	muts := []mutation{
		{"embedding", func(m *Model, _ *lora.Adapter) { m.w.embed = zeroed(m.w.embed) }},
		{"unembedding", func(m *Model, _ *lora.Adapter) { m.w.unembed = zeroed(m.w.unembed) }},
		{"final norm", func(m *Model, _ *lora.Adapter) { clear(m.w.norm.w) }},
	}
	for l := range layers {
		muts = append(muts,
			mutation{fmt.Sprintf("block %d attention norm", l), func(m *Model, _ *lora.Adapter) { clear(m.w.blocks[l].ln1.w) }},
			mutation{fmt.Sprintf("block %d MLP norm", l), func(m *Model, _ *lora.Adapter) { clear(m.w.blocks[l].ln2.w) }})
		for p := range nProjs {
			muts = append(muts, mutation{fmt.Sprintf("block %d %s", l, p), func(m *Model, _ *lora.Adapter) {
				w := &m.w.blocks[l].projs[p]
				*w = zeroed(*w)
			}})
		}
	}
	return muts
}

// swapHeads reads the key/value heads in reverse order.
func swapHeads(m *Model) {
	s := &m.Spec
	order := make([]int32, s.KVHeads*s.DHead)
	for r := range order {
		order[r] = int32((s.KVHeads-1-r/s.DHead)*s.DHead + r%s.DHead)
	}
	for l := range m.w.blocks {
		for _, p := range []proj{projK, projV} {
			m.w.blocks[l].projs[p] = m.w.blocks[l].projs[p].Permuted(order)
		}
	}
}

func TestMutationsOfTheModel(t *testing.T) {
	spec := func(name string, f func(s *Spec)) mutation {
		return mutation{name, func(m *Model, _ *lora.Adapter) { f(&m.Spec) }}
	}
	runMutations(t, "tied", "base", append(everyWeight(3),
		spec("rope theta", func(s *Spec) { s.Ropes[0].Theta *= 1.01 }),
		spec("epsilon", func(s *Spec) { s.NormEps *= 1.01 }),
		mutation{"key/value heads swapped", func(m *Model, _ *lora.Adapter) { swapHeads(m) }},
		mutation{"blocks swapped", func(m *Model, _ *lora.Adapter) { m.w.blocks[0], m.w.blocks[1] = m.w.blocks[1], m.w.blocks[0] }},
	))
	runMutations(t, "llama3", "base", append(everyWeight(2),
		mutation{"embedding taken as tied", func(m *Model, _ *lora.Adapter) { m.w.unembed = m.w.embed }}))
	runMutations(t, "llama3", "base-long", []mutation{
		spec("no scaling", func(s *Spec) { s.Ropes[0].Scaling = RopeScaling{} }),
		spec("factor", func(s *Spec) { s.Ropes[0].Scaling.Factor *= 1.01 }),
		spec("low frequency factor", func(s *Spec) { s.Ropes[0].Scaling.LowFreqFactor *= 1.01 }),
		spec("high frequency factor", func(s *Spec) { s.Ropes[0].Scaling.HighFreqFactor *= 1.01 }),
		spec("original context", func(s *Spec) { s.Ropes[0].Scaling.OriginalMaxPos++ }),
		spec("rope theta", func(s *Spec) { s.Ropes[0].Theta *= 1.01 }),
	})
	runMutations(t, "sharded", "base", everyWeight(2))
}

func TestMutationsOfTheAdapter(t *testing.T) {
	for _, name := range []string{"r1-lambda-2.5", "r4-lambda-1", "r4-lambda-2.5", "r4-greedy"} {
		dir := filepath.Join("testdata", "tied", name[:2])
		l, err := lora.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		var muts []mutation
		for i := range l.Modules {
			muts = append(muts, moduleMutations(l, i)...)
			if name == "r4-greedy" { // which reads no hook of the adapter, so that a module can be missing
				muts = append(muts, mutation{l.Modules[i].Name + " dropped", func(_ *Model, l *lora.Adapter) {
					l.Config.TargetModules = nil // or the module would be missed
					l.Modules = append(l.Modules[:i:i], l.Modules[i+1:]...)
				}})
			}
		}
		runMutations(t, "tied", name, muts)
	}
}

// moduleMutations breaks module i: a zeroed factor, its scale, and the
// scale it would have if rslora or the patterns were ignored.
func moduleMutations(l *lora.Adapter, i int) []mutation {
	x, c := l.Modules[i], l.Config
	set := func(f func(x *lora.Module)) func(*Model, *lora.Adapter) {
		return func(_ *Model, l *lora.Adapter) { f(&l.Modules[i]) }
	}
	muts := []mutation{
		{x.Name + " A", set(func(x *lora.Module) { clear(x.A) })},
		{x.Name + " scale", set(func(x *lora.Module) { x.Scale *= 1.5 })},
	}
	if len(l.Modules) > 1 {
		muts = append(muts, mutation{x.Name + " B", set(func(x *lora.Module) { clear(x.B) })})
	}
	if c.RSLoRA {
		muts = append(muts, mutation{x.Name + " rslora", set(func(x *lora.Module) { x.Scale /= math.Sqrt(float64(x.R)) })})
	}
	if plain := c.Alpha / math.Sqrt(float64(c.R)); c.RSLoRA && plain != x.Scale {
		muts = append(muts, mutation{x.Name + " patterns", set(func(x *lora.Module) { x.Scale = plain })})
	}
	return muts
}
