package model

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"agar/model/lora"
)

// TestSteeringGradient compares the gradient of a steering vector with central
// differences of the loss, and with the gradient of the hook it is added at.
func TestSteeringGradient(t *testing.T) {
	m, _ := tinyPair(t)
	l := &lora.Adapter{Modules: []lora.Module{lora.NewSteering(1, m.Spec.DModel, 3)}}
	v := l.Modules[0].B
	for i := range v {
		v[i] = float32(i%7-3) / 50
	}
	attach := func() *Adapter {
		a, err := m.Attach(l, AttachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	r := &BackwardRequest{Request: Request{Seqs: [][]int32{{0, 7, 9, 3, 5}, {0, 12, 5}}, Lambda: 1.5}, Targets: []int{1, 2, 3, 6}, LoRA: true, Hooks: []string{"blocks.1.hook_mlp_out"}}
	r.Loss = func(logits []float32, at int) (float64, error) {
		return CrossEntropyGradient(logits, m.Spec.Vocab, []int32{9, 3, 5, 5}[at:at+len(logits)/m.Spec.Vocab], 1), nil
	}
	back := func() *Gradient {
		r.Adapter = attach()
		g, err := m.Backward(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := back()
	sum := make([]float64, len(v))
	for i, x := range g.Hooks["blocks.1.hook_mlp_out"] {
		sum[i%len(v)] += 4.5 * float64(x)
	}
	for i, x := range g.LoRA[0].B {
		if d := float64(x) - sum[i]; d > 1e-5 || d < -1e-5 {
			t.Errorf("entry %d: %g, %g from the hook", i, x, sum[i])
		}
	}
	if g.LoRA[0].A[0] != 0 {
		t.Errorf("A, which is fixed, has the gradient %g", g.LoRA[0].A[0])
	}
	compareDirection(t, "steering vector", v, g.LoRA[0].B, rand.New(rand.NewPCG(1, 3)), func() float64 { return back().Loss })
}

// TestNoBackwardOf: adapters without a gradient are refused by name.
func TestNoBackwardOf(t *testing.T) {
	m, a := tinyPair(t)
	plain := a.LoRA()
	drop := func(edit func(x *lora.Module)) *lora.Adapter {
		l := *plain
		l.Modules = append([]lora.Module{}, plain.Modules...)
		edit(&l.Modules[0])
		return &l
	}
	refused := map[string]*lora.Adapter{
		"DoRA": drop(func(x *lora.Module) {
			x.Magnitude = make([]float32, x.Out)
			for i := range x.Magnitude {
				x.Magnitude[i] = 1
			}
		}),
		"bias": drop(func(x *lora.Module) { x.Bias = make([]float32, x.Out) }),
	}
	for name, l := range refused {
		at, err := m.Attach(l, AttachOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r := BackwardRequest{Request: Request{Seqs: [][]int32{{0, 7, 9}}, Adapter: at, Lambda: 1}, Targets: []int{1}, LoRA: true, Loss: func([]float32, int) (float64, error) { return 0, nil }}
		if _, err := m.Backward(context.Background(), &r); !errors.Is(err, ErrNoBackward) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two, err := Combine(Dialled{a, 1}, Dialled{a, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	r := BackwardRequest{Request: Request{Seqs: [][]int32{{0, 7, 9}}, Adapter: two, Lambda: 1}, Targets: []int{1}, LoRA: true, Loss: func([]float32, int) (float64, error) { return 0, nil }}
	if _, err := m.Backward(context.Background(), &r); !errors.Is(err, ErrNoBackward) {
		t.Errorf("two adapters: %v", err)
	}
}
