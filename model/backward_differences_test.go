package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestGradientAgainstDifferences compares directional derivatives with central
// differences of the loss: for what enters block 0 and for the factors of an
// adapter. The loss is good to 1e-6, so a step that moves it by 2e-3 leaves some 1e-3.
func TestGradientAgainstDifferences(t *testing.T) {
	m, a := tinyPair(t)
	r := rand.New(rand.NewPCG(5, 1))
	seqs := [][]int32{{0, 7, 9, 3, 12, 4}, {0, 12, 5, 8}}
	entry, err := m.Forward(context.Background(), &Request{Seqs: seqs, Reads: []string{embedName}})
	if err != nil {
		t.Fatal(err)
	}
	req := &BackwardRequest{Request: Request{Seqs: seqs, Resid: entry.Hooks[embedName], Adapter: a, Lambda: 2}, Targets: []int{1, 4, 7}, LoRA: true, Input: true}
	next := []int32{9, 4, 5}
	req.Loss = func(logits []float32, at int) (float64, error) {
		return CrossEntropyGradient(logits, m.Spec.Vocab, next[at:at+len(logits)/m.Spec.Vocab], 1), nil
	}
	g, err := m.Backward(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	loss := func() float64 {
		g, err := m.Backward(context.Background(), &BackwardRequest{Request: req.Request, Targets: req.Targets, Loss: req.Loss, Input: true})
		if err != nil {
			t.Fatal(err)
		}
		return g.Loss
	}
	compareDirection(t, "input", req.Resid, g.Input, r, loss)
	for i, x := range a.LoRA().Modules {
		reattached := func() float64 {
			again, err := m.Attach(a.LoRA(), AttachOptions{})
			if err != nil {
				t.Fatal(err)
			}
			req.Adapter = again
			return loss()
		}
		compareDirection(t, x.Name+" A", x.A, g.LoRA[i].A, r, reattached)
		compareDirection(t, x.Name+" B", x.B, g.LoRA[i].B, r, reattached)
	}
}

// TestGradientThroughEdits: a vector added at a hook has the gradient of that hook,
// summed over rows, whether insides are kept or computed again.
func TestGradientThroughEdits(t *testing.T) {
	m, a := tinyPair(t)
	for _, hook := range []string{"blocks.1.hook_resid_pre", "blocks.1.hook_resid_post", "blocks.0.mlp.hook_post", "blocks.2.hook_attn_out"} {
		info, err := m.Hook(hook, a)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float32, info.Dim)
		for i := range v {
			v[i] = float32(i%5) / 20
		}
		r := &BackwardRequest{Request: Request{Seqs: [][]int32{{0, 7, 9, 3}, {0, 12, 5}}, Adapter: a, Lambda: 1}, Targets: []int{2, 5}, Hooks: []string{hook, "blocks.0.hook_resid_pre"}}
		r.Edits = []Edit{{hook, func(x []float32, _ Rows) {
			for i := range x {
				x[i] += v[i%len(v)]
			}
		}}}
		r.Loss = func(logits []float32, at int) (float64, error) {
			return CrossEntropyGradient(logits, m.Spec.Vocab, []int32{4, 5}[at:at+len(logits)/m.Spec.Vocab], 1), nil
		}
		back := func(keep int64) *Gradient {
			r.Keep = keep
			g, err := m.Backward(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		g, again := back(0), back(-1)
		sum := make([]float32, info.Dim)
		for i, x := range g.Hooks[hook] {
			sum[i%info.Dim] += x
			if again.Hooks[hook][i] != x {
				t.Fatalf("%s: %g when insides are kept, %g when not", hook, x, again.Hooks[hook][i])
			}
		}
		compareDirection(t, hook, v, sum, rand.New(rand.NewPCG(1, 1)), func() float64 { return back(-1).Loss })
	}
}

// TestActivationDerivatives compares the derivative of every activation with
// central differences.
func TestActivationDerivatives(t *testing.T) {
	for kind, act := range activations {
		if act == nil {
			continue // SiLU, which TestPiecesAgainstDifferences has
		}
		for _, x := range []float32{-3, -0.7, -0.05, 0.05, 0.4, 2.5} {
			const h = 1e-3
			up, _ := act(x + h)
			down, _ := act(x - h)
			y, dy := act(x)
			if got := float64(up-down) / (2 * h); math.Abs(got-float64(dy)) > 1e-3 {
				t.Errorf("activation %d at %g: difference %.6g, derivative %.6g", kind, x, got, dy)
			}
			got := []float32{x}
			(&Spec{Activation: Activation(kind)}).activate(got, nil, 1, 1)
			if math.Abs(float64(got[0]-y)) > 1e-5 {
				t.Errorf("activation %d at %g: forward %.6g, backward %.6g", kind, x, got[0], y)
			}
		}
	}
}

// compareDirection moves x along a random direction and back.
func compareDirection(t *testing.T, what string, x, grad []float32, r *rand.Rand, loss func() float64) {
	t.Helper()
	dir := make([]float32, len(x))
	slope, norm := 0.0, 0.0
	for i := range dir {
		dir[i] = grad[i] * float32(1+0.5*r.NormFloat64())
		slope += float64(dir[i]) * float64(grad[i])
		norm += float64(grad[i]) * float64(grad[i])
	}
	if norm == 0 {
		t.Errorf("%s: the gradient is zero", what)
		return
	}
	h := 2e-3 / math.Abs(slope)
	move := func(by float64) {
		for i := range x {
			x[i] += float32(by) * dir[i]
		}
	}
	move(h)
	up := loss()
	move(-2 * h)
	down := loss()
	move(h)
	if got := (up - down) / (2 * h); math.Abs(got/slope-1) > 5e-3 {
		t.Errorf("%s: difference %.6g, gradient %.6g", what, got, slope)
	}
}

func TestBackwardRefuses(t *testing.T) {
	m, a := tinyPair(t)
	ok := BackwardRequest{Request: Request{Seqs: [][]int32{{0, 7, 9}}, Adapter: a, Lambda: 1}, Targets: []int{1}, Loss: func([]float32, int) (float64, error) { return 0, nil }}
	for name, edit := range map[string]func(r *BackwardRequest){
		"no targets":     func(r *BackwardRequest) { r.Targets = nil },
		"targets":        func(r *BackwardRequest) { r.Targets = []int{1, 1} },
		"target beyond":  func(r *BackwardRequest) { r.Targets = []int{3} },
		"no adapter":     func(r *BackwardRequest) { r.Adapter, r.LoRA = nil, true },
		"a hook too low": func(r *BackwardRequest) { r.Hooks = []string{"blocks.0.attn.hook_q"} },
		"reads":          func(r *BackwardRequest) { r.Reads = []string{"hook_embed"} },
	} {
		r := ok
		edit(&r)
		if _, err := m.Backward(context.Background(), &r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s := Spec{Architecture: "Qwen3MoeForCausalLM", Experts: 4}
	if err := s.backwards(); !errors.Is(err, ErrNoBackward) {
		t.Errorf("mixture of experts: %v", err)
	}
}
