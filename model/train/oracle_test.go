package train

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"agar/model"
	"agar/model/lora"
	"agar/model/safetensors"
)

// trained is what training.py wrote of one run.
type trained struct {
	Examples []oracleExample `json:"examples"`
	KL       []oracleExample `json:"kl_examples"`
	Config   Config          `json:"config"`
	log      []Row
}

type oracleExample struct {
	IDs     []int32 `json:"ids"`
	Targets []int   `json:"targets"`
}

func examplesOf(from []oracleExample) (out []Example) {
	for _, e := range from {
		out = append(out, Example(e))
	}
	return out
}

func readTrained(t *testing.T, dir string) *trained {
	t.Helper()
	var r trained
	for name, dst := range map[string]any{"data.json": &r, "log.json": &r.log} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, dst); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return &r
}

// TestAgainstTrainer: from the same initialisation and order of data, transformers'
// Trainer with PEFT has the same losses, to 1e-3 relative, gradient norms and
// learning rates over 50 steps, and ends in the same parameters.
func TestAgainstTrainer(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "training", "*", "log.json"))
	if len(dirs) == 0 {
		t.Fatalf("no dumps in %s/training", root)
	}
	for _, d := range dirs {
		t.Run(filepath.Base(filepath.Dir(d)), func(t *testing.T) { testAgainstTrainer(t, filepath.Dir(d)) })
	}
}

func testAgainstTrainer(t *testing.T, dir string) {
	r := readTrained(t, dir)
	m, err := model.Open(filepath.Join(dir, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	data := examplesOf(r.Examples)
	o := Options{Out: filepath.Join(t.TempDir(), "run"), KLData: examplesOf(r.KL)}
	if r.Config.Method == LoRA {
		if o.Init, err = lora.Load(filepath.Join(dir, "init")); err != nil {
			t.Fatal(err)
		}
	}
	var log []Row
	o.AtStep = func(_ context.Context, row Row, _ *model.Adapter) error {
		log = append(log, row)
		return nil
	}
	if _, err := Run(context.Background(), m, data, r.Config, o); err != nil {
		t.Fatal(err)
	}
	compareLogs(t, log, r.log)
	compareFinal(t, dir, filepath.Join(o.Out, "checkpoint-50"))
}

func compareLogs(t *testing.T, got, want []Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d steps, expected %d", len(got), len(want))
	}
	var loss, norm, rate float64
	for i, w := range want {
		g := got[i]
		if (g.KL == nil) != (w.KL == nil) || w.KL != nil && math.Abs(*g.KL-*w.KL) > 1e-3**w.KL+1e-6 {
			t.Errorf("step %d: KL to the base %v, expected %v", g.Step, number(g.KL), number(w.KL))
		}
		loss = max(loss, math.Abs(g.Loss/w.Loss-1))
		norm = max(norm, math.Abs(g.GradNorm/w.GradNorm-1))
		rate = max(rate, math.Abs(g.LR-w.LR)/want[len(want)/2].LR)
	}
	t.Logf("worst relative differences over %d steps: loss %.1e, gradient norm %.1e, learning rate %.1e", len(got), loss, norm, rate)
	if !(loss <= 1e-3) || !(norm <= 1e-2) || !(rate <= 1e-9) {
		t.Errorf("losses %.1e, gradient norms %.1e, rates %.1e apart, expected 1e-3, 1e-2, 1e-9", loss, norm, rate)
	}
}

// number is *p, NaN where there is none.
func number(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

func compareFinal(t *testing.T, dir, checkpoint string) {
	t.Helper()
	want, err := safetensors.Open(filepath.Join(dir, "final.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if v, _, err := want.Float32("steering_vector"); err == nil {
		compareSteering(t, v, checkpoint)
		return
	}
	file := filepath.Join(checkpoint, "adapter_model.safetensors")
	if _, err := os.Stat(file); err != nil {
		file = filepath.Join(checkpoint, "model.safetensors")
	}
	got, err := safetensors.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	worst := 0.0
	for _, name := range want.Names() {
		w, _, err := want.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		g, _, err := got.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		worst = max(worst, apart(g, w))
	}
	t.Logf("worst relative difference of a tensor at the end: %.1e", worst)
	if !(worst <= 1e-2) {
		t.Errorf("parameters %.1e apart", worst)
	}
}

func compareSteering(t *testing.T, want []float32, checkpoint string) {
	t.Helper()
	l, err := lora.Load(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	d := apart(l.Modules[0].B, want)
	t.Logf("relative difference of the steering vector at the end: %.1e", d)
	if !(d <= 1e-2) {
		t.Errorf("steering vectors %.1e apart", d)
	}
}

func apart(a, b []float32) float64 {
	var d, n float64
	for i := range b {
		d += math.Pow(float64(a[i]-b[i]), 2)
		n += math.Pow(float64(b[i]), 2)
	}
	return math.Sqrt(d / max(n, 1e-30))
}
