package model

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"agar/model/lora"
	"agar/model/safetensors"
	"agar/model/tensor"
)

// realGradients is what .ci/real_gradients.py dumped.
type realGradients struct {
	f     *safetensors.File
	IDs   map[string][][]int32 `json:"ids"`
	Scale float64
}

func openRealGradients(t *testing.T) *realGradients {
	t.Helper()
	if os.Getenv("AGAR_MODELS") == "" || os.Getenv("AGAR_DUMPS") == "" {
		t.Skip("AGAR_MODELS and AGAR_DUMPS are not set")
	}
	f, err := safetensors.Open(filepath.Join(os.Getenv("AGAR_DUMPS"), "real-gradients", "gradients.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d := &realGradients{f: f}
	if err := json.Unmarshal([]byte(f.Metadata()["cases"]), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *realGradients) values(t *testing.T, format string, a ...any) []float32 {
	t.Helper()
	name := fmt.Sprintf(format, a...)
	x, ok := d.f.Tensor(name)
	if !ok {
		t.Fatalf("%s: found no %s", d.f.Path(), name)
	}
	v, err := x.Float32()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request asks for the gradients of a rank-1 adapter on down_proj of a block.
func (d *realGradients) request(t *testing.T, m *Model, what string, l int) *BackwardRequest {
	t.Helper()
	i := slices.IndexFunc(m.Linears(), func(x Linear) bool { return x.Layer == l && x.Proj == "down_proj" })
	x := m.Linears()[i]
	mod := lora.Module{Name: x.Name, Layer: l, Proj: x.Proj, R: 1, In: x.In, Out: x.Out, Scale: d.Scale, A: d.values(t, "%s/%d/A", what, l), B: d.values(t, "%s/%d/B", what, l)}
	a, err := m.Attach(&lora.Adapter{Modules: []lora.Module{mod}}, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q := &BackwardRequest{Request: Request{Lambda: 1, Adapter: a, Seqs: d.IDs[what]}, LoRA: true}
	var next []int32
	row := 0
	for _, ids := range q.Seqs {
		for j, id := range ids {
			if j > 0 {
				q.Targets, next = append(q.Targets, row+j-1), append(next, id)
			}
		}
		row += len(ids)
	}
	q.Loss = func(logits []float32, at int) (float64, error) {
		return CrossEntropyGradient(logits, m.Spec.Vocab, next[at:at+len(logits)/m.Spec.Vocab], 1/float32(len(next))), nil
	}
	return q
}

// TestRealGradients holds gradients on a real model to those of torch in float64
// (.ci/real_gradients.py), on the path of training and without AMX. Where AMX is used
// the two must differ, or it did not run.
func TestRealGradients(t *testing.T) {
	d := openRealGradients(t)
	m := open(t, filepath.SplitList(os.Getenv("AGAR_MODELS"))[0])
	kernels := slices.Compact([]string{tensor.Kernel(), tensor.TrainingKernel()})
	for _, what := range []string{"text", "random"} {
		for _, l := range []int{0, 20} {
			var got [][]float32
			for _, kernel := range kernels {
				got = append(got, d.hold(t, m, kernel, what, l))
			}
			if len(got) > 1 && slices.Equal(got[0], got[1]) {
				t.Errorf("%s, block %d: %v give the same bits", what, l, kernels)
			}
		}
	}
}

// hold compares the gradients of an adapter on a kernel, and gives A's.
func (d *realGradients) hold(t *testing.T, m *Model, kernel, what string, l int) []float32 {
	t.Helper()
	restore, err := tensor.WithKernel(kernel)
	if err != nil {
		t.Fatal(err)
	}
	defer restore()
	g, err := m.Backward(context.Background(), d.request(t, m, what, l))
	if err != nil {
		t.Fatal(err)
	}
	want := func(kind, k string) []float32 { return d.values(t, "%s/%d/%s/%s", what, l, kind, k) }
	loss := math.Abs(g.Loss/float64(want("float64", "loss")[0]) - 1)
	a, b := distance(g.LoRA[0].A, want("float64", "A")), distance(g.LoRA[0].B, want("float64", "B"))
	torch := max(distance(want("float32", "A"), want("float64", "A")), distance(want("float32", "B"), want("float64", "B")))
	t.Logf("%-8s %-6s block %2d: off by loss %.1e, A %.1e, B %.1e; torch in float32 %.1e", kernel, what, l, loss, a, b, torch)
	if loss > 1e-6 || a > 2e-5 || b > 2e-5 {
		t.Errorf("%s, %s, block %d: off by loss %.1e, A %.1e, B %.1e, expected at most 1e-6 and 2e-5", kernel, what, l, loss, a, b)
	}
	return g.LoRA[0].A
}

// distance is the L2 of the difference of x and y over that of y.
func distance(x, y []float32) float64 {
	var d, n float64
	for i, v := range y {
		d += math.Pow(float64(x[i]-v), 2)
		n += math.Pow(float64(v), 2)
	}
	return math.Sqrt(d / n)
}
