package lora_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/internal/bounds"
	"agar/model/lora"
	"agar/model/safetensors"
)

func Example() {
	a, err := lora.Load("testdata/adapter")
	if err != nil {
		panic(err)
	}
	for _, m := range a.Modules[:2] {
		fmt.Printf("%s: block %d, rank %d, [%d, %d], s = %.2f, ‖ΔW‖ = %.3f\n", m.Name, m.Layer, m.R, m.Out, m.In, m.Scale, m.NormDelta())
	}
	// Output:
	// model.layers.0.mlp.down_proj: block 0, rank 4, [12, 20], s = 3.75, ‖ΔW‖ = 1.220
	// model.layers.0.self_attn.k_proj: block 0, rank 4, [6, 12], s = 3.00, ‖ΔW‖ = 0.678
}

func TestAgainstPEFT(t *testing.T) {
	var g struct {
		Modules map[string]map[string]float64
	}
	readJSON(t, "testdata/golden.json", &g)
	a, err := lora.Load("testdata/adapter")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Modules) != len(g.Modules) || a.Config.BaseModel != "tiny/base" || !a.Config.RSLoRA || len(a.Warnings) != 0 || len(a.SHA256) != 64 {
		t.Fatalf("loaded %+v with %d modules, warnings %v", a.Config, len(a.Modules), a.Warnings)
	}
	// PEFT computes ΔW in float32, which limits the agreement of norm_delta to
	// a few 1e-7; the other norms are of the same float32 values in float64.
	tol := map[string]float64{"r": 0, "scale": 1e-15, "norm_a": 1e-12, "norm_b": 1e-12, "norm_delta": 2e-7}
	worst := map[string]float64{}
	for _, m := range a.Modules {
		got := map[string]float64{"r": float64(m.R), "scale": m.Scale, "norm_a": m.NormA(), "norm_b": m.NormB(), "norm_delta": m.NormDelta()}
		for k, want := range g.Modules[m.Name] {
			e := math.Abs(got[k]-want) / want
			worst[k] = max(worst[k], e)
			if !(e <= tol[k]) {
				t.Errorf("%s %s = %v, PEFT has %v", m.Name, k, got[k], want)
			}
		}
	}
	t.Logf("worst relative errors %v", worst)
}

func TestPatternsMatchAsInPEFT(t *testing.T) {
	var g struct {
		Patterns []struct {
			Name  string
			Match []string
		}
		All []string `json:"all_patterns"`
	}
	readJSON(t, "testdata/golden.json", &g)
	for _, c := range g.Patterns {
		hit := map[string]bool{}
		for _, p := range c.Match {
			hit[p] = true
		}
		for _, p := range g.All {
			cfg, _, err := lora.ParseConfig(fmt.Appendf(nil, `{"peft_type":"LORA","r":2,"rank_pattern":{%q:7}}`, p))
			if err != nil {
				t.Fatal(err)
			}
			r, _, _, err := cfg.ForModule(c.Name)
			if err != nil || (r == 7) != hit[p] {
				t.Errorf("pattern %q on %s: rank %d, %v; PEFT matches: %v", p, c.Name, r, err, hit[p])
			}
		}
	}
}

func TestFirstPatternOfTheFileWins(t *testing.T) {
	for body, want := range map[string]int{`"z_proj":3,"mlp.z_proj":5`: 3, `"mlp.z_proj":5,"z_proj":3`: 5} {
		cfg, _, err := lora.ParseConfig([]byte(`{"peft_type":"LORA","rank_pattern":{` + body + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, _, err := cfg.ForModule("model.layers.0.mlp.z_proj"); r != want || err != nil {
			t.Errorf("%s: rank %d, %v; want %d", body, r, err, want)
		}
	}
}

// TestScale has the published case that a function of the reference code gets
// wrong: rank 32, α 64, rslora is 64/√32, not 2.
func TestScale(t *testing.T) {
	for body, want := range map[string]float64{
		`"r":32,"lora_alpha":64,"use_rslora":true`:  11.313708498984761,
		`"r":32,"lora_alpha":64,"use_rslora":false`: 2,
		`"r":1,"lora_alpha":64,"use_rslora":true`:   64,
		`"r":1,"lora_alpha":64`:                     64,
	} {
		cfg, _, err := lora.ParseConfig([]byte(`{"peft_type":"LORA",` + body + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, s, err := cfg.ForModule("x"); math.Abs(s-want) > 1e-15*want || err != nil {
			t.Errorf("%s: s = %v, want %v", body, s, want)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	for body, want := range map[string]string{
		`"peft_type":"IA3"`:                              "IA3 is not supported",
		`"peft_type":"ADALORA"`:                          "ADALORA is not supported",
		`"peft_type":"VERA"`:                             "VERA is not supported",
		`"bias":"some"`:                                  "lora_only or all",
		`"exclude_modules":{}`:                           "exclude_modules",
		`"layers_to_transform":"1"`:                      "layers_to_transform",
		`"target_modules":"("`:                           "target_modules",
		`"target_modules":"(?=q)[\\p{Sb}]"`:              `bad escape \p,`,
		`"target_modules":"\\PL"`:                        `bad escape \P,`,
		`"layers_pattern":["\\\\\\c\\p{wb}"]`:            `bad escape \c,`,
		`"rank_pattern":{"\\Qq_proj\\E":2}`:              `bad escape \Q,`,
		`"modules_to_save":"lm_head"`:                    "modules_to_save",
		`"modules_to_save":["("]`:                        "modules_to_save",
		`"layers_pattern":["("],"layers_to_transform":1`: "layers_pattern",
		`"enable_lora":[true,false,true]`:                "enable_lora",
		`"init_lora_weights":"pissa"`:                    "path_initial_model_for_weight_conversion",
		`"init_lora_weights":"pissa_niter_4"`:            "pissa_niter_4",
		`"init_lora_weights":"olora"`:                    "olora",
		`"init_lora_weights":"corda"`:                    "corda",
		`"init_lora_weights":"loftq"`:                    "PEFT cannot undo",
		`"init_lora_weights":"lora_ga"`:                  "lora_ga",
		`"layer_replication":[[0,4]]`:                    "layer_replication",
		`"trainable_token_indices":[1]`:                  "trainable_token_indices",
		`"trainable_token_indices":{"embed_tokens":[1]}`: "trainable_token_indices",
		`"target_parameters":["experts.gate_up_proj"]`:   "target_parameters",
		`"alora_invocation_tokens":[1,2]`:                "alora_invocation_tokens",
		`"megatron_config":{"a":1}`:                      "megatron_config",
		`"kasa_config":{"beta":0.1}`:                     "kasa_config",
		`"monteclora_config":{"a":1}`:                    "monteclora_config",
		`"use_qalora":true`:                              "use_qalora",
		`"use_bdlora":{"nblocks":2}`:                     "use_bdlora",
		`"arrow_config":{"top_k":2}`:                     "arrow_config",
		`"gain_of_next_year":0.5`:                        "gain_of_next_year",
		`"gain_of_next_year":0`:                          "gain_of_next_year",
		`"r":0`:                                          `"r"`,
		`"r":"four"`:                                     `"r"`,
		`"r":1.5`:                                        "1.5",
		`"lora_alpha":[1]`:                               "lora_alpha",
		`"rank_pattern":{"q_proj":0}`:                    "q_proj",
		`"rank_pattern":{"(":2}`:                         `"("`,
		`"rank_pattern":[1]`:                             "rank_pattern",
		`"alpha_pattern":{"q_proj":"x"}`:                 "alpha_pattern",
		`"target_modules":7`:                             "target_modules",
	} {
		_, _, err := lora.ParseConfig([]byte(`{"peft_type":"LORA",` + body + `}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", body, err, want)
		}
	}
	for body, want := range map[string]string{`{}`: "nothing", `[]`: "object", `{"peft_type":"LORA"`: "JSON"} {
		if _, _, err := lora.ParseConfig([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %q", body, err, want)
		}
	}
}

func TestConfigAccepts(t *testing.T) {
	for _, body := range []string{
		`"use_dora":false,"modules_to_save":null,"bias":"none","lora_bias":false,"init_lora_weights":"gaussian"`,
		`"use_dora":true,"lora_bias":true,"bias":"all","fan_in_fan_out":true,"init_lora_weights":"mica","merge_weights":false`,
		`"modules_to_save":[],"target_modules":".*\\.(q|v)_proj","alpha_pattern":null,"rank_pattern":null,"lora_alpha":7.5`,
		`"auto_mapping":{"unsloth_fixed":true},"layers_to_transform":[21],"task_type":"CAUSAL_LM","lora_dropout":0.1`,
	} {
		if _, w, err := lora.ParseConfig([]byte(`{"peft_type":"LORA",` + body + `}`)); err != nil || len(w) != 0 {
			t.Errorf("%s: %v, warnings %v", body, err, w)
		}
	}
	_, w, err := lora.ParseConfig([]byte(`{"peft_type":"LORA","use_dreams":false,"dream_config":{}}`))
	if err != nil || len(w) != 2 || !strings.Contains(w[0]+w[1], "use_dreams") {
		t.Errorf("unknown empty keys: %v, warnings %v", err, w)
	}
}

// adapter writes an adapter directory and gives its path.
func adapter(t testing.TB, dir, config string, ts ...safetensors.Out) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, ts, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"adapter_config.json": []byte(`{"peft_type":"LORA",` + config + `}`), lora.WeightsFile: b.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func tensor(name string, rows, cols int) safetensors.Out {
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(i%7) - 2
	}
	return safetensors.Out{Name: name, Shape: []int{rows, cols}, F32: x}
}

func vector(name string, n int) safetensors.Out {
	t := tensor(name, 1, n)
	t.Shape = []int{n}
	return t
}

// nan is a 3×2 tensor with NaN at [1, 1].
func nan(name string) safetensors.Out {
	t := tensor(name, 3, 2)
	t.F32[3] = float32(math.NaN())
	return t
}

const down = "base_model.model.model.layers.3.mlp.down_proj."

func TestLoadRefusals(t *testing.T) {
	a, b := tensor(down+"lora_A.weight", 2, 6), tensor(down+"lora_B.weight", 4, 2)
	bad := tensor(down+"lora_A.weight", 2, 6)
	bad.F32[7] = float32(math.NaN())
	cases := []struct {
		name, config string
		ts           []safetensors.Out
		want         []string
	}{
		{"rank", `"r":3`, []safetensors.Out{a, b}, []string{"lora_A", "[2 6]", "rank 3"}},
		{"rank of B", `"r":2`, []safetensors.Out{a, tensor(down+"lora_B.weight", 2, 4)}, []string{"lora_B", "[2 4]", "rank 2"}},
		{"pattern", `"r":2,"rank_pattern":{"down_proj":5}`, []safetensors.Out{a, b}, []string{"[2 6]", "rank 5"}},
		{"no B", `"r":2`, []safetensors.Out{a}, []string{"model.layers.3.mlp.down_proj", "partner"}},
		{"stray", `"r":2`, []safetensors.Out{a, b, tensor("base_model.model.model.layers.3.mlp.down_proj", 1, 1)}, []string{"down_proj", "belongs to no LoRA module"}},
		{"magnitude", `"r":2`, []safetensors.Out{a, b, vector(down+"lora_magnitude_vector", 4)}, []string{"lora_magnitude_vector", "use_dora"}},
		{"no magnitude", `"r":2,"use_dora":true`, []safetensors.Out{a, b}, []string{"model.layers.3.mlp.down_proj", "no lora_magnitude_vector"}},
		{"long magnitude", `"r":2,"use_dora":true`, []safetensors.Out{a, b, vector(down+"lora_magnitude_vector", 5)}, []string{"[5]", "[4]"}},
		{"bias", `"r":2`, []safetensors.Out{a, b, vector(down+"lora_B.bias", 4)}, []string{"lora_B.bias", "lora_bias is not set"}},
		{"no bias", `"r":2,"lora_bias":true`, []safetensors.Out{a, b}, []string{"no lora_B.bias"}},
		{"bias of A", `"r":2`, []safetensors.Out{a, b, vector(down+"lora_A.bias", 2)}, []string{"lora_A.bias", "not supported"}},
		{"nothing saved", `"r":2,"modules_to_save":["lm_head"]`, []safetensors.Out{a, b}, []string{"modules_to_save", "lm_head"}},
		{"saved twice", `"r":2`, []safetensors.Out{a, b, tensor("base_model.model.lm_head.weight", 1, 1), tensor("lm_head.base_layer.weight", 1, 1)}, []string{"both lm_head.weight"}},
		{"untargeted", `"r":2,"target_modules":["q_proj"]`, []safetensors.Out{a, b}, []string{"model.layers.3.mlp.down_proj", "target_modules"}},
		{"other layer", `"r":2,"target_modules":["down_proj"],"layers_to_transform":4`, []safetensors.Out{a, b}, []string{"layers_to_transform"}},
		{"rank of nothing", `"r":2,"rank_pattern":{"o_proj":4}`, []safetensors.Out{a, b}, []string{"rank_pattern", "o_proj"}},
		{"alpha of nothing", `"r":2,"alpha_pattern":{"down_proj":4,"layers.2.mlp.down_proj":3}`, []safetensors.Out{a, b}, []string{"alpha_pattern", "layers.2.mlp"}},
		{"torchtune", `"r":2`, []safetensors.Out{tensor("layers.0.attn.q_proj.lora_a.weight", 2, 4)}, []string{"torchtune"}},
		{"AdaLoRA", `"r":2`, []safetensors.Out{a, b, tensor(down+"lora_E", 2, 1)}, []string{"AdaLoRA"}},
		{"two kinds", `"r":2`, []safetensors.Out{a, b, tensor(down+"lora_embedding_A", 2, 6)}, []string{"one kind"}},
		{"saved nan", `"r":2`, []safetensors.Out{a, b, nan("lm_head.weight")}, []string{"lm_head.weight", "NaN", "[1 1]"}},
		{"embedding", `"r":2`, []safetensors.Out{tensor("base_model.model.model.embed_tokens.lora_embedding_A", 2, 4)}, []string{"lora_embedding_A", "partner"}},
		{"twice", `"r":2`, []safetensors.Out{a, b, tensor(down+"lora_A.default.weight", 2, 6)}, []string{"both lora_A"}},
		{"vector", `"r":2`, []safetensors.Out{{Name: a.Name, Shape: []int{12}, F32: a.F32}, b}, []string{"[12]", "matrix"}},
		{"nan", `"r":2`, []safetensors.Out{bad, b}, []string{"NaN", "[1 1]"}},
		{"nothing", `"r":2`, nil, []string{"no tensors"}},
	}
	for _, c := range cases {
		dir := adapter(t, filepath.Join(t.TempDir(), "a"), c.config, c.ts...)
		_, err := lora.Load(dir)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, w := range append(c.want, dir) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
}

func TestLoadAcceptsTheAdapterName(t *testing.T) {
	dir := adapter(t, t.TempDir(), `"r":2,"lora_alpha":4`, tensor(down+"lora_A.default.weight", 2, 6), tensor(down+"lora_B.default.weight", 4, 2))
	a, err := lora.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := a.Module("model.layers.3.mlp.down_proj")
	if !ok || m.Layer != 3 || m.Proj != "down_proj" || m.In != 6 || m.Out != 4 || m.Scale != 2 || a.Zero() {
		t.Errorf("module %+v", m)
	}
}

func TestLoadWithoutWeights(t *testing.T) {
	dir := adapter(t, t.TempDir(), `"r":2`)
	os.Remove(filepath.Join(dir, lora.WeightsFile))
	if _, err := lora.Load(dir); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("no weights: %v", err)
	}
	if _, err := lora.Load(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// random fills a module with normal numbers.
func random(rng *rand.Rand, r, in, out int) lora.Module {
	m := lora.Module{R: r, In: in, Out: out, A: make([]float32, r*in), B: make([]float32, out*r), Scale: 1.5}
	for i := range m.A {
		m.A[i] = float32(rng.NormFloat64())
	}
	for i := range m.B {
		m.B[i] = float32(rng.NormFloat64())
	}
	return m
}

// delta forms ΔW [Out, In].
func delta(m *lora.Module) []float64 {
	w := make([]float64, m.Out*m.In)
	for o := range m.Out {
		for r := range m.R {
			for i := range m.In {
				w[o*m.In+i] += m.Scale * float64(m.B[o*m.R+r]) * float64(m.A[r*m.In+i])
			}
		}
	}
	return w
}

func TestInnerIsTheFrobeniusProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		x, y := random(rng, 1+rng.IntN(5), 9, 7), random(rng, 1+rng.IntN(5), 9, 7)
		y.Scale = -0.25
		want, size := 0.0, x.NormDelta()*y.NormDelta()
		dx, dy := delta(&x), delta(&y)
		for i := range dx {
			want += dx[i] * dy[i]
		}
		// both are float64 sums of some hundred products
		if got := lora.Inner(&x, &y); math.Abs(got-want) > 1e-13*size {
			t.Fatalf("Inner %v, direct %v", got, want)
		}
		if got, back := lora.Inner(&x, &y), lora.Inner(&y, &x); math.Abs(got-back) > 1e-13*size {
			t.Fatalf("not symmetric: %v, %v", got, back)
		}
	}
	x := random(rng, 1, 9, 7)
	if got, want := x.NormDelta(), x.Scale*x.NormA()*x.NormB(); math.Abs(got-want) > 1e-13*want {
		t.Errorf("rank 1: ‖ΔW‖ = %v, |s|·‖A‖·‖B‖ = %v", got, want)
	}
	defer func() {
		if recover() != lora.ErrShape {
			t.Error("modules of other shape do not panic with ErrShape")
		}
	}()
	y := random(rng, 1, 8, 7)
	lora.Inner(&x, &y)
}

func TestZero(t *testing.T) {
	b := tensor(down+"lora_B.weight", 4, 2)
	clear(b.F32)
	a, err := lora.Load(adapter(t, t.TempDir(), `"r":2`, tensor(down+"lora_A.weight", 2, 6), b))
	if err != nil {
		t.Fatal(err)
	}
	if !a.Zero() || a.Modules[0].NormDelta() != 0 || a.Modules[0].NormA() == 0 {
		t.Error("an all-zero B must give a zero adapter")
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

// FuzzConfig holds that any bytes give a usable configuration or an error.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{`{"peft_type":"LORA"}`, `{"peft_type":"LORA","rank_pattern":{"(a+)+$":2}}`, `{"peft_type":"LORA","target_modules":"x","r":4,"alpha_pattern":{"":1}}`} {
		f.Add([]byte(s))
	}
	seeds, err := filepath.Glob("../testdata/adapters/*/*/adapter_config.json")
	if err != nil || len(seeds) < 20 {
		f.Fatalf("%d seeds, %v", len(seeds), err)
	}
	for _, name := range append(seeds, "testdata/adapter/adapter_config.json") {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{`"modules_to_save":["a","b"],"layers_to_transform":3,"layers_pattern":"h"`, `"layers_to_transform":[1,2],"layers_pattern":["h","layers"],"exclude_modules":"x|y"`, `"r":0`, `"r":"x"`, `"bias":"x"`, `"bias":""`,
		`"bias":"all","lora_bias":true,"use_dora":true,"use_rslora":true`, `"rank_pattern":{"a":0}`, `"rank_pattern":{"(":1}`, `"rank_pattern":[1]`, `"alpha_pattern":{"a":1.5,"a":2,"b(?=c)":3}`, `"alpha_pattern":"x"`, `"target_modules":{"a":1}`,
		`"target_modules":"("`, `"exclude_modules":["("]`, `"layers_pattern":["("]`, `"layers_to_transform":"x"`, `"modules_to_save":["("]`, `"modules_to_save":[1]`, `"layers_pattern":[1]`, `"exclude_modules":{}`, `"unknown":null,"other":[],"third":{}`, `"unknown":1`,
		`"init_lora_weights":"pissa"`, `"megatron_config":{}`, `"target_parameters":["a"]`, `"trainable_token_indices":[1]`, `"alora_invocation_tokens":[1]`, `"eva_config":{}`, `"loftq_config":{"a":1}`, `"fan_in_fan_out":true`, `"base_model_name_or_path":"` + strings.Repeat("x", 80) + `"`, `"r":"` + strings.Repeat("x", 80) + `"`} {
		f.Add([]byte(`{"peft_type":"LORA",` + s + `}`))
	}
	for _, s := range []string{`"target_modules":["down_proj"],"layers_to_transform":[0,1]`, `"target_modules":["down_proj"],"layers_to_transform":[1],"layers_pattern":["h"]`, `"target_modules":["x"]`, `"target_modules":".*down_proj"`,
		`"rank_pattern":{"(?<=p\\.)down_proj":4}`, `"alpha_pattern":{"(?=m)((m|o|d|e|l|\\.|a|y|e|r|s|0|p|w|n|_|j)+)+x":4}`, `"modules_to_save":["(?=m)mlp"]`, `"exclude_modules":["down_proj"]`, `"exclude_modules":".*(?=d)down_proj"`, `"init_lora_weights":"loftq"`} {
		f.Add([]byte(`{"peft_type":"LORA",` + s + `}`))
	}
	for _, s := range []string{`{`, `{}`, `{"peft_type":"IA3"}`, `{"peft_type":1}`} {
		f.Add([]byte(s))
	}
	f.Add([]byte(`{"peft_type":"LORA","modules_to_save":[` + strings.Repeat(`"",`, 9000) + `""]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c lora.Config
		var err error
		bounds.Parse(t, len(b), 1<<18+min(64<<20, 4000*uint64(len(b))), func() { c, _, err = lora.ParseConfig(b) })
		if err != nil {
			return
		}
		bounds.Watch(func() {
			_, _ = c.Targets("model.layers.0.mlp.down_proj")
			_, _ = c.Saves("model.layers.0.mlp.down_proj")
			if r, _, _, err := c.ForModule("model.layers.0.mlp.down_proj"); err == nil && r <= 0 {
				t.Fatalf("rank %d", r)
			}
		})
	})
}
