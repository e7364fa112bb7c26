package phase

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model"
	"agar/model/lora"
	"agar/model/safetensors"
	"agar/sae"
)

// drawn is a tensor of numbers around center.
func drawn(name string, center float32, shape ...int) safetensors.Out {
	n := 1
	for _, d := range shape {
		n *= d
	}
	o := safetensors.Out{Name: "base_model.model." + name, Shape: shape, F32: make([]float32, n)}
	for i := range o.F32 {
		o.F32[i] = center + float32((i*7919+len(name))%64-32)/128
	}
	return o
}

// altered is a series with other settings and more tensors in every checkpoint.
func altered(t *testing.T, s *lora.Series, config string, more ...safetensors.Out) *lora.Series {
	t.Helper()
	for _, c := range s.Checkpoints {
		path := filepath.Join(c.Dir, lora.WeightsFile)
		f, err := safetensors.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		ts := more[:len(more):len(more)]
		for _, n := range f.Names() {
			x, shape, err := f.Float32(n)
			if err != nil {
				t.Fatal(err)
			}
			ts = append(ts, safetensors.Out{Name: n, Shape: shape, F32: x})
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, ts, nil); err != nil {
			t.Fatal(err)
		}
		write(t, path, b.Bytes())
		old, err := os.ReadFile(filepath.Join(c.Dir, "adapter_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(c.Dir, "adapter_config.json"), bytes.Replace(old, []byte("{"), []byte("{"+config+","), 1))
	}
	return s
}

// kinds are settings under which h = h_base + λ·s·B·A·x does not hold, though the
// factors are those of one down-projection.
var kinds = []struct {
	name, config, says string
	more               []safetensors.Out
}{
	{"DoRA", `"use_dora":true`, "DoRA", []safetensors.Out{drawn(block1+".lora_magnitude_vector", 1, 32)}},
	{"bias", `"lora_bias":true`, "lora_bias", []safetensors.Out{drawn(block1+".lora_B.bias", 0, 32)}},
	{"norm", `"modules_to_save":["layers.1.input_layernorm"]`, "input_layernorm", []safetensors.Out{drawn("model.layers.1.input_layernorm.weight", 1, 32)}},
	{"head", `"modules_to_save":["lm_head"]`, "lm_head", []safetensors.Out{drawn("lm_head.weight", 0, 64, 32)}},
	{"embedding", `"modules_to_save":["embed_tokens"]`, "embed_tokens", []safetensors.Out{drawn("model.embed_tokens.weight", 0, 64, 32)}},
}

// TestFollowBesideFactors holds the features of every kind to whole forwards: none
// of them may take the closed form.
func TestFollowBesideFactors(t *testing.T) {
	m := tiny(t)
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for i := range k.more { // the tiny model's vocabulary
				if d := k.more[i].Shape; len(d) == 2 {
					k.more[i] = drawn(strings.TrimPrefix(k.more[i].Name, "base_model.model."), 0, m.Spec.Vocab, 32)
				}
			}
			series := altered(t, downSeries(t, block1, 2, 48, 32, 1, 2, 4), k.config, k.more...)
			s, docs := dictionary(sae.ArchJumpReLU, 32, 80), conversations(12, 20)
			tr := follow(t, FollowOptions{Model: m, Series: series, SAE: s, Hook: "blocks.1.hook_resid_post", Docs: docs, Lambdas: []float64{1, -0.5}, MaxNorm: -1})
			if tr.ClosedForm {
				t.Error("took the closed form")
			}
			for i := range tr.Steps {
				l, err := series.Load(i)
				if err != nil {
					t.Fatal(err)
				}
				a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
				if err != nil {
					t.Fatal(err)
				}
				for j, lambda := range tr.Lambdas {
					want, _ := brute(t, m, s, tr.Hook, docs.docs, a, lambda)
					compareSnapshots(t, fmt.Sprintf("step %d, λ = %g", tr.Steps[i], lambda), tr.At(i, j), want)
				}
			}
		})
	}
}

// TestGeometryBesideFactors: norms and angles are those of the factors, and what
// they leave out is said.
func TestGeometryBesideFactors(t *testing.T) {
	plain := analyse(t, downSeries(t, block1, 2, 48, 32, 1, 2, 4).Run, Options{})
	for _, k := range kinds {
		got := analyse(t, altered(t, downSeries(t, block1, 2, 48, 32, 1, 2, 4), k.config, k.more...).Run, Options{})
		for i, c := range got.Checkpoints {
			if a, b := c.Modules[0].NormDelta, plain.Checkpoints[i].Modules[0].NormDelta; a != b {
				t.Errorf("%s: step %d: ‖ΔW‖ %v, of the factors alone %v", k.name, c.Step, a, b)
			}
		}
		if w := strings.Join(got.Warnings, "\n"); !strings.Contains(w, k.says) || !strings.Contains(w, "ΔW = s·B·A") {
			t.Errorf("%s: warnings %q", k.name, got.Warnings)
		}
	}
	mixed := downSeries(t, block1, 2, 48, 32, 1, 2, 4)
	altered(t, &lora.Series{Checkpoints: mixed.Checkpoints[2:]}, `"modules_to_save":["lm_head"]`, drawn("lm_head.weight", 0, 64, 32))
	if _, err := Analyse(context.Background(), mixed, Options{}); err == nil || !strings.Contains(err.Error(), "lm_head.weight") {
		t.Errorf("a parameter in one checkpoint only: %v", err)
	}
}

// TestGeometryOfSteeringVectors: the path of a steering vector is that of α·v.
func TestGeometryOfSteeringVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "model", "lora", "testdata", "steering", "steering_vector.pt"))
	if err != nil {
		t.Fatal(err)
	}
	run := t.TempDir()
	for _, step := range []string{"checkpoint-5", "checkpoint-10", "checkpoint-15"} {
		write(t, filepath.Join(run, step, lora.SteeringFile), data)
	}
	r := analyse(t, run, Options{})
	if m := r.Modules[0]; m.Vector != "B" || m.Out != 8 || m.Scale != 256 || len(r.Checkpoints) != 3 {
		t.Errorf("module %+v of %d checkpoints", m, len(r.Checkpoints))
	}
	if c := r.Checkpoints[0].Modules[0]; c.NormDelta != 256*c.NormB {
		t.Errorf("‖α·v‖ = %v, ‖v‖ = %v", c.NormDelta, c.NormB)
	}
}
