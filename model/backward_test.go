package model

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/lora"
	"agar/model/safetensors"
)

// gradientCase is what gradients.py wrote of one model.
type gradientCase struct {
	Seqs    [][]int32 `json:"seqs"`
	Targets [][]int   `json:"targets"`
	Lambda  float32   `json:"lambda"`
	want    map[string][]float32
}

func readGradients(t *testing.T, dir string) *gradientCase {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, "gradients.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &gradientCase{want: map[string][]float32{}}
	if err := json.Unmarshal([]byte(f.Metadata()["cases"]), c); err != nil {
		t.Fatal(err)
	}
	for _, name := range f.Names() {
		x, _, err := f.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		c.want[name] = slices.Clone(x)
	}
	return c
}

// request is a backward pass with the mean cross entropy of the case's targets.
func (c *gradientCase) request(m *Model) *BackwardRequest {
	r := &BackwardRequest{Request: Request{Seqs: c.Seqs}}
	var next []int32
	row := 0
	for i, ids := range c.Seqs {
		for _, at := range c.Targets[i] {
			r.Targets = append(r.Targets, row+at)
			next = append(next, ids[at+1])
		}
		row += len(ids)
	}
	r.Loss = func(logits []float32, at int) (float64, error) {
		return CrossEntropyGradient(logits, m.Spec.Vocab, next[at:at+len(logits)/m.Spec.Vocab], 1/float32(len(next))), nil
	}
	return r
}

// check compares a gradient with torch's: L2 of the difference over L2. What
// is smaller than 1e-6 altogether is compared absolutely.
func (c *gradientCase) check(t *testing.T, name string, got []float32) (rel float64) {
	t.Helper()
	want, ok := c.want[name]
	if !ok || len(got) != len(want) {
		t.Errorf("%s: %d values, expected %d", name, len(got), len(want))
		return 0
	}
	var diff, norm float64
	for i, v := range want {
		diff += math.Pow(float64(got[i]-v), 2)
		norm += math.Pow(float64(v), 2)
	}
	rel = math.Sqrt(diff) / max(math.Sqrt(norm), 1e-6)
	if !(rel <= 1e-4) {
		t.Errorf("%s: relative error %.2e", name, rel)
	}
	delete(c.want, name)
	return rel
}

// TestGradientsOfFamilies compares every gradient with torch's; 1e-4 is what sums
// in float32 in another order may differ by, and what was seen is printed.
func TestGradientsOfFamilies(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "gradients", "*", "gradients.safetensors"))
	if len(dirs) == 0 {
		t.Fatalf("no dumps in %s/gradients", root)
	}
	for _, d := range dirs {
		t.Run(filepath.Base(filepath.Dir(d)), func(t *testing.T) { testGradients(t, filepath.Dir(d)) })
	}
}

func testGradients(t *testing.T, dir string) {
	m, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c := readGradients(t, dir)
	worst, at := 0.0, ""
	note := func(name string, got []float32) {
		if e := c.check(t, name, got); e > worst {
			worst, at = e, name
		}
	}
	adaptedGradients(t, m, c, dir, note)
	steeredGradients(t, m, c, note)
	baseGradients(t, m, c, note)
	if len(c.want) > 0 {
		t.Errorf("not compared: %v", keysOf(c.want))
	}
	t.Logf("worst relative error %.1e at %s", worst, at)
}

func adaptedGradients(t *testing.T, m *Model, c *gradientCase, dir string, note func(string, []float32)) {
	l, err := lora.Load(filepath.Join(dir, "adapter"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := c.request(m)
	r.Adapter, r.Lambda, r.LoRA, r.Hooks = a, c.Lambda, true, c.hooks("adapted")
	g, err := m.Backward(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	note("loss/adapted", []float32{float32(g.Loss)})
	for name, x := range g.Hooks {
		note("hooks/adapted/"+name, x)
	}
	for i, x := range g.LoRA {
		note("lora/"+l.Modules[i].Name+"/A", x.A)
		note("lora/"+l.Modules[i].Name+"/B", x.B)
	}
}

// steeredGradients compares the gradient of a steering vector of α = 3 on block 1.
func steeredGradients(t *testing.T, m *Model, c *gradientCase, note func(string, []float32)) {
	l := &lora.Adapter{Modules: []lora.Module{lora.NewSteering(1, m.Spec.DModel, 3)}}
	copy(l.Modules[0].B, c.want["steering/value"])
	delete(c.want, "steering/value")
	a, err := m.Attach(l, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := c.request(m)
	r.Adapter, r.Lambda, r.LoRA, r.Hooks = a, c.Lambda, true, c.hooks("steered")
	g, err := m.Backward(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	note("loss/steered", []float32{float32(g.Loss)})
	note("steering/gradient", g.LoRA[0].B)
	for name, x := range g.Hooks {
		note("hooks/steered/"+name, x)
	}
}

func baseGradients(t *testing.T, m *Model, c *gradientCase, note func(string, []float32)) {
	p, err := m.Trainable()
	if err != nil {
		t.Fatal(err)
	}
	r := c.request(m)
	r.Weights, r.Hooks, r.Input = p, c.hooks("base"), true
	g, err := m.Backward(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(g.Input, g.Hooks["blocks.0.hook_resid_pre"]) {
		t.Error("the gradient of the input is not that of block 0's hook_resid_pre")
	}
	note("loss/base", []float32{float32(g.Loss)})
	for name, x := range g.Hooks {
		note("hooks/base/"+name, x)
	}
	for _, x := range p.List {
		note("weights/"+x.Name, x.Grad)
	}
}

// hooks lists those with a gradient under a tag.
func (c *gradientCase) hooks(tag string) (names []string) {
	for k := range c.want {
		if name, ok := strings.CutPrefix(k, "hooks/"+tag+"/"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func keysOf(m map[string][]float32) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
