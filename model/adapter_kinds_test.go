package model

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"agar/model/internal/tiny"
	"agar/model/lora"
	"agar/model/parity"
	"agar/model/safetensors"
)

// adapterRecipes is where the recipes and goldens of adapters on tiny models are,
// one of every kind; .ci/adapters.py makes them.
const adapterRecipes = "testdata/adapters"

// adapterKinds lists them.
func adapterKinds(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(adapterRecipes)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if len(names) < 30 {
		t.Fatalf("%s: found %d kinds, expected at least 30", adapterRecipes, len(names))
	}
	return names
}

// makeKind writes the model and the adapters of a kind, and gives the adapters'
// directories.
func makeKind(t testing.TB, kind string) (m *Model, adapters []string) {
	t.Helper()
	recipe := filepath.Join(adapterRecipes, kind)
	name, err := os.ReadFile(filepath.Join(recipe, "model.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := tiny.Model(dir, filepath.Join(recipes, strings.TrimSpace(string(name))), "testdata/tied/tokenizer.json"); err != nil {
		t.Fatal(err)
	}
	m = open(t, dir)
	for i := 0; ; i++ {
		from := filepath.Join(recipe, fmt.Sprintf("adapter%d", i))
		if i == 0 {
			from = filepath.Join(recipe, "adapter")
		}
		if _, err := os.Stat(from); err != nil {
			return m, adapters
		}
		if _, err := os.Stat(filepath.Join(from, lora.SteeringFile)); err == nil {
			adapters = append(adapters, from)
			continue
		}
		adapters = append(adapters, drawAdapter(t, from, m.Spec.Layers))
	}
}

// drawAdapter writes an adapter directory from its recipe, [name, shape, center,
// scale] and, when the tensor is drawn as another, that one's name: factors of a
// tied head are the transposes of the embedding's.
func drawAdapter(t testing.TB, recipe string, layers int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recipe, "tensors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]json.RawMessage
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	var ts []safetensors.Out
	for _, row := range rows {
		for l := range layers {
			o := drawRow(t, row, l)
			ts = append(ts, o)
			if !strings.Contains(string(row[0]), "*") {
				break
			}
		}
	}
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(recipe, "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tiny.Write(filepath.Join(dir, lora.WeightsFile), ts); err != nil {
		t.Fatal(err)
	}
	return dir
}

func drawRow(t testing.TB, row []json.RawMessage, layer int) safetensors.Out {
	t.Helper()
	var x tiny.Tensor
	as := ""
	for i, to := range []any{&x.Name, &x.Shape, &x.Center, &x.Scale, &as} {
		if i < len(row) {
			if err := json.Unmarshal(row[i], to); err != nil {
				t.Fatal(err)
			}
		}
	}
	name := strings.Replace(x.Name, "*", fmt.Sprint(layer), 1)
	shape, transposed := slices.Clone(x.Shape), strings.Contains(as, "lora_embedding")
	if x.Name = name; as != "" {
		x.Name = as
	}
	if transposed {
		slices.Reverse(x.Shape)
	}
	o := x.Draw()
	if o.Name, o.Shape = name, shape; transposed {
		v := make([]float32, len(o.F32))
		for i := range v {
			v[i] = o.F32[i%shape[1]*shape[0]+i/shape[1]]
		}
		o.F32 = v
	}
	return o
}

// attachAll attaches adapters at the dials of a case.
func attachAll(t testing.TB, m *Model, c *parity.Case, ls []*lora.Adapter) (*Adapter, float32) {
	t.Helper()
	var parts []Dialled
	for i, l := range ls {
		a, err := m.Attach(l, AttachOptions{AllowZero: true})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, Dialled{a, float64(c.Adapters[i].Lambda)})
	}
	if len(parts) == 1 {
		return parts[0].Adapter, c.Adapters[0].Lambda
	}
	a, err := Combine(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return a, 1
}

func loadAll(t testing.TB, dirs []string) (ls []*lora.Adapter) {
	t.Helper()
	for _, d := range dirs {
		l, err := lora.Load(d)
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
	}
	return ls
}

// deviation is the worst error of a case.
func deviation(t testing.TB, m *Model, d *parity.Dump, c *parity.Case, ls []*lora.Adapter) (float64, string) {
	t.Helper()
	a, lambda := attachAll(t, m, c, ls)
	got, err := m.Rows(context.Background(), c, c.Hooks, a, lambda)
	if err != nil {
		t.Fatal(err)
	}
	devs, err := d.Compare(c, got)
	if err != nil {
		t.Fatal(err)
	}
	w := (&parity.Report{Deviations: devs}).Worst()
	return float64(w.Error), w.Hook
}

// TestAdapterKinds holds every kind of adapter, at every dial, against the
// committed rows of PEFT, and drops or breaks each part of it in turn: parity must
// notice.
func TestAdapterKinds(t *testing.T) {
	broken, smallest := 0, math.Inf(1)
	for _, kind := range adapterKinds(t) {
		t.Run(kind, func(t *testing.T) {
			m, dirs := makeKind(t, kind)
			d := openDump(t, filepath.Join(adapterRecipes, kind, "dump.safetensors"))
			for i := range d.Cases {
				c := &d.Cases[i]
				if e, at := deviation(t, m, d, c, loadAll(t, dirs)); !(e <= tolerance) {
					t.Errorf("%s: error %.1e at %s", c.Name, e, at)
				}
			}
			c := &d.Cases[len(d.Cases)-1] // at a dial that is not 1
			for part := range dirs {
				for name, breakIt := range breakages(loadAll(t, dirs)[part]) {
					ls := loadAll(t, dirs)
					breakIt(ls[part])
					ls[part].Config.TargetModules = nil // or what is dropped would be missed
					e, _ := deviation(t, m, d, c, ls)
					if e <= tolerance {
						t.Errorf("%s: %s: parity did not notice, error %.1e", c.Name, name, e)
					}
					broken, smallest = broken+1, min(smallest, e)
				}
			}
		})
	}
	t.Logf("%d mutations, the smallest error is %.1e", broken, smallest)
}

// breakages drop or break every part of an adapter.
func breakages(l *lora.Adapter) map[string]func(*lora.Adapter) {
	out := map[string]func(*lora.Adapter){}
	for i := range l.Modules {
		x := &l.Modules[i]
		module := func(name string, f func(x *lora.Module)) {
			out[x.Name+" "+name] = func(l *lora.Adapter) { f(&l.Modules[i]) }
		}
		module("B", func(x *lora.Module) { clear(x.B) })
		module("scale", func(x *lora.Module) { x.Scale *= 1.5 })
		if x.Kind != lora.Steering {
			module("A", func(x *lora.Module) { clear(x.A) })
			module("rows", func(x *lora.Module) { slices.Reverse(x.B) })
		}
		if x.Bias != nil {
			module("bias", func(x *lora.Module) { x.Bias = nil })
		}
		if x.Magnitude != nil {
			module("magnitude dropped", func(x *lora.Module) { x.Magnitude = nil })
			module("magnitude", func(x *lora.Module) { slices.Reverse(x.Magnitude) })
		}
	}
	for i := range l.Saved {
		if regexp.MustCompile("embed_|lm_head|wte").MatchString(l.Saved[i].Module) {
			continue // often the base's own, which changes nothing; TestSavedEndsAreUsed has those that are not
		}
		out[l.Saved[i].Name()] = func(l *lora.Adapter) { l.Saved = slices.Delete(slices.Clone(l.Saved), i, i+1) }
	}
	return out
}

// TestSavedEndsAreUsed breaks embeddings and heads that were trained in full.
func TestSavedEndsAreUsed(t *testing.T) {
	for kind, names := range map[string][]string{
		"saved": {"lm_head.weight", "model.embed_tokens.weight"}, "ends-drawn": {"lm_head.weight", "model.embed_tokens.weight"},
		"ends-tied": {"model.embed_tokens.weight"}, "tied-saved": {"model.embed_tokens.weight", "lm_head.weight"}, "saved-norms": {"model.embed_tokens.weight"},
	} {
		m, dirs := makeKind(t, kind)
		d := openDump(t, filepath.Join(adapterRecipes, kind, "dump.safetensors"))
		for _, name := range names {
			l := loadAll(t, dirs)[0]
			i := slices.IndexFunc(l.Saved, func(s lora.Saved) bool { return s.Name() == name })
			if i < 0 {
				t.Fatalf("%s: no %s among %d", kind, name, len(l.Saved))
			}
			l.Saved = slices.Delete(l.Saved, i, i+1)
			if e, _ := deviation(t, m, d, &d.Cases[0], []*lora.Adapter{l}); e <= tolerance {
				t.Errorf("%s without %s: parity did not notice", kind, name)
			}
		}
		if kind == "ends-tied" { // what was written over a tied embedding is in the head too
			l := loadAll(t, dirs)[0]
			for i := range l.Saved {
				l.Saved[i].Shared = false
			}
			if e, _ := deviation(t, m, d, &d.Cases[0], []*lora.Adapter{l}); e <= tolerance {
				t.Errorf("%s not shared: parity did not notice", kind)
			}
		}
	}
}

// TestAdapterDumps holds every hook of every kind against the dumps of AGAR_DUMPS.
func TestAdapterDumps(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	var table parityTable
	for _, kind := range adapterKinds(t) {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(root, "adapters", kind)
			d, m := openDump(t, filepath.Join(dir, "dump.safetensors")), open(t, dir)
			r, err := m.Parity(context.Background(), d, ParityOptions{Attach: func(c *parity.Case) (*Adapter, float32, error) {
				var dirs []string
				for _, a := range c.Adapters {
					dirs = append(dirs, filepath.Join(dir, a.Name))
				}
				a, lambda := attachAll(t, m, c, loadAll(t, dirs))
				own(t, m, a, c)
				return a, lambda, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if p := r.Problem(); p != "" {
				t.Error(p)
			}
			table.add(kind, r)
		})
	}
	t.Logf("worst relative error of a token's vector\n%v", &table)
}

// own fails when the adapter has hooks of its own that a case lacks. PEFT shows no
// factors of several adapters one by one.
func own(t *testing.T, m *Model, a *Adapter, c *parity.Case) {
	for _, h := range m.Hooks(a) {
		if len(c.Adapters) == 1 && strings.Contains(h.Name, ".lora.") && !slices.Contains(c.Hooks, h.Name) {
			t.Errorf("%s: not compared: %s", c.Name, h.Name)
		}
	}
}

// TestEveryKindAtZeroIsTheBase: λ = 0 has the bits of the base, hooks included, a
// part at 0 adds nothing to a sum, and Reaches agrees with the numbers.
func TestEveryKindAtZeroIsTheBase(t *testing.T) {
	seqs := [][]int32{{1, 7, 3, 9, 20, 4}}
	for _, kind := range adapterKinds(t) {
		t.Run(kind, func(t *testing.T) {
			m, dirs := makeKind(t, kind)
			a, err := m.Attach(loadAll(t, dirs)[0], AttachOptions{})
			if err != nil {
				t.Fatal(err)
			}
			hooks := everyHook(m, nil)
			base := forwardOK(t, m, &Request{Seqs: seqs, Reads: hooks, Logits: AllLogits})
			zero := forwardOK(t, m, &Request{Seqs: seqs, Reads: hooks, Logits: AllLogits, Adapter: a})
			one := forwardOK(t, m, &Request{Seqs: seqs, Reads: hooks, Logits: AllLogits, Adapter: a, Lambda: 1})
			twice, err := Combine(Dialled{a, 1}, Dialled{a, 0})
			if err != nil {
				t.Fatal(err)
			}
			sum := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits, Adapter: twice, Lambda: 1})
			for _, h := range hooks {
				if !slices.Equal(zero.Hooks[h], base.Hooks[h]) {
					t.Errorf("λ = 0: %s differs", h)
				}
			}
			if !slices.Equal(zero.Logits, base.Logits) || slices.Equal(one.Logits, base.Logits) {
				t.Error("λ = 0 is not the base, or λ = 1 is")
			}
			if !slices.Equal(sum.Logits, one.Logits) {
				t.Error("the same adapter at 0 beside it changes something")
			}
			checkReaches(t, m, a)
		})
	}
}
