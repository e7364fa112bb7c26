package phase

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"agar/activations"
)

// TestDivergeAsTorch holds both divergences and the loss of a real fine-tune to
// torch's kl_div and nll_loss on the logits of PEFT; .ci/divergence.py measures them.
func TestDivergeAsTorch(t *testing.T) {
	dumps := os.Getenv("AGAR_DUMPS")
	if dumps == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	m, series := real(t)
	var want struct {
		Docs     [][]int32
		BaseLoss float64 `json:"base_loss"`
		At       []struct {
			Step         int
			Lambda, Loss float64
			KLModelBase  float64 `json:"kl_model_base"`
			KLBaseModel  float64 `json:"kl_base_model"`
		}
	}
	data, err := os.ReadFile(filepath.Join(dumps, "divergence", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for _, w := range want.At {
		docs, tokens := &fixed{}, 0
		for i, ids := range want.Docs {
			docs.docs = append(docs.docs, activations.Document{Index: int32(i), IDs: ids})
			tokens += len(ids) - 1
		}
		d := diverge(t, ProbeOptions{Model: m, Series: series, Docs: docs, On: OnText, Steps: []int{w.Step}, Lambdas: []float64{w.Lambda}})
		if len(d.At) != 1 || d.Tokens != tokens || w.KLModelBase <= 0 {
			t.Fatalf("step %d, λ %g: found %d states of %d tokens, expected one of %d", w.Step, w.Lambda, len(d.At), d.Tokens, tokens)
		}
		at := d.At[0]
		for name, x := range map[string][2]float64{
			"KL(model‖base)": {float64(at.KLModelBase.Value), w.KLModelBase}, "KL(base‖model)": {float64(at.KLBaseModel.Value), w.KLBaseModel},
			"loss": {float64(at.Loss.Value), w.Loss}, "loss of the base": {float64(d.BaseLoss.Value), want.BaseLoss},
		} {
			// Logits of both are of float32, some 1e-6 apart.
			e := math.Abs(x[0] - x[1])
			if worst = max(worst, e); e > 2e-6*max(1, x[1]) {
				t.Errorf("step %d, λ %g: %s is %.8g nats, torch's %.8g", w.Step, w.Lambda, name, x[0], x[1])
			}
		}
	}
	t.Logf("worst difference of %d states %.2g nats", len(want.At), worst)
}
