package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"agar/model/safetensors"
)

// families is where the recipes of tiny models of every family are.
const families = "../../model/testdata/families"

// grown says how a model is made from the recipe of a tiny one: hidden sizes
// become times as large, that of the MLP mlp, the vocabulary vocab.
type grown struct {
	recipe                           string
	blocks, times, mlp, vocab, heads int
}

// drawn is a tensor of a recipe.
type drawn struct {
	name          string
	shape         []int
	center, scale float64
}

// readRecipe reads the config and the tensors of a recipe.
func readRecipe(t *testing.T, name string) (config map[string]any, ts []drawn) {
	t.Helper()
	var rows [][]any
	for file, v := range map[string]any{"config.json": &config, "tensors.json": &rows} {
		b, err := os.ReadFile(filepath.Join(families, name, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rows {
		d := drawn{name: r[0].(string), center: r[2].(float64), scale: r[3].(float64)}
		for _, n := range r[1].([]any) {
			d.shape = append(d.shape, int(n.(float64)))
		}
		ts = append(ts, d)
	}
	return config, ts
}

// grow writes a model directory with bfloat16 weights.
func grow(t *testing.T, g grown) string {
	t.Helper()
	config, ts := readRecipe(t, g.recipe)
	hidden, mlp, vocab := config["hidden_size"].(float64), config["intermediate_size"].(float64), config["vocab_size"].(float64)
	config["num_hidden_layers"], config["hidden_size"], config["intermediate_size"], config["vocab_size"] = g.blocks, int(hidden)*g.times, g.mlp, g.vocab
	scale := float64(g.times) / float64(g.heads)
	config["num_attention_heads"] = int(config["num_attention_heads"].(float64)) * g.heads
	config["num_key_value_heads"] = int(config["num_key_value_heads"].(float64)) * g.heads
	if d, ok := config["head_dim"].(float64); ok {
		config["head_dim"] = int(d * scale)
	}
	if kinds, ok := config["layer_types"].([]any); ok {
		config["layer_types"] = slices.Repeat(kinds, g.blocks)[:g.blocks]
	}
	var all []drawn
	for _, d := range ts {
		for i, n := range d.shape {
			switch {
			case i == 0 && n == int(vocab) && (strings.Contains(d.name, "embed_tokens") || strings.Contains(d.name, "lm_head")):
				d.shape[i] = g.vocab
			case n == int(mlp):
				d.shape[i] = g.mlp
			case strings.Contains(d.name, "gate_up_proj") && n == 2*int(mlp):
				d.shape[i] = 2 * g.mlp
			default:
				d.shape[i] = n * g.times
			}
		}
		for l := range g.blocks {
			one := d
			if one.name = strings.Replace(d.name, "*", strconv.Itoa(l), 1); one.name == d.name && l > 0 {
				break
			}
			all = append(all, one)
		}
	}
	dir := modelDir(t, config, families+"/../tied/tokenizer.json")
	drawHalf(t, filepath.Join(dir, "model.safetensors"), "BF16", all)
	return dir
}

// modelDir is a new directory with a config and a tokenizer.
func modelDir(t *testing.T, config map[string]any, tokenizer string) string {
	t.Helper()
	dir := t.TempDir()
	b, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := os.ReadFile(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"config.json": b, "tokenizer.json": tok} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// layOut writes a safetensors file of 16-bit tensors, whose bytes fill makes, a
// megabyte at most at a time.
func layOut(t *testing.T, path, dtype string, ts []drawn, fill func(d *drawn, at int, to []uint16)) {
	t.Helper()
	header, from := map[string]any{}, 0
	for _, d := range ts {
		n := 2 * count(d.shape)
		header[d.name] = map[string]any{"dtype": dtype, "shape": d.shape, "data_offsets": []int{from, from + n}}
		from += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...))
	values, raw := make([]uint16, 1<<18), make([]byte, 0, 1<<19)
	for i := range ts {
		for at, n := 0, count(ts[i].shape); at < n; at += len(values) {
			v := values[:min(len(values), n-at)]
			fill(&ts[i], at, v)
			raw, _ = binary.Append(raw[:0], binary.LittleEndian, v)
			w.Write(raw)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// drawHalf draws every tensor in 16 bits: matrices as large as keeps the sizes
// of activations, vectors at their centers.
func drawHalf(t *testing.T, path, dtype string, ts []drawn) {
	state := uint32(1)
	layOut(t, path, dtype, ts, func(d *drawn, _ int, to []uint16) {
		center := uint16(math.Float32bits(float32(d.center)) >> 16)
		exponent := math.Float32bits(float32(1/math.Sqrt(float64(d.shape[len(d.shape)-1])))) >> 16 & 0x7F80
		for i := range to {
			state = state*1664525 + 1013904223
			if to[i] = center; len(d.shape) > 1 {
				to[i] = uint16(exponent) | uint16(state>>16)&0x807F
			}
		}
	})
}

// halved is a copy of a model directory of float32 with weights of another type.
func halved(t *testing.T, dir, dtype string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	config["dtype"] = map[string]string{"F16": "float16", "BF16": "bfloat16"}[dtype]
	to := modelDir(t, config, filepath.Join(dir, "tokenizer.json"))
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ts []drawn
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		ts = append(ts, drawn{name: name, shape: x.Shape})
	}
	layOut(t, filepath.Join(to, "model.safetensors"), dtype, ts, func(d *drawn, at int, out []uint16) {
		x, _ := f.Tensor(d.name)
		for i := range out {
			out[i] = half(binary.LittleEndian.Uint32(x.Data[4*(at+i):]), dtype)
		}
	})
	return to
}

// half cuts a float32 off to 16 bits; numbers below 2⁻¹⁴ become zero in F16.
func half(bits uint32, dtype string) uint16 {
	if dtype == "BF16" {
		return uint16(bits >> 16)
	}
	e := int(bits>>23&0xFF) - 127 + 15
	if e <= 0 {
		return uint16(bits >> 16 & 0x8000)
	}
	return uint16(bits>>16&0x8000 | uint32(min(e, 30))<<10 | bits>>13&0x3FF)
}

// downAdapter writes a LoRA of rank 8 on every down-projection.
func downAdapter(t *testing.T, blocks, mlp, hidden int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "down-r8")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := `{"peft_type":"LORA","task_type":"CAUSAL_LM","r":8,"lora_alpha":8,"target_modules":["down_proj"],"bias":"none"}`
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var ts []drawn
	for l := range blocks {
		p := fmt.Sprintf("base_model.model.model.layers.%d.mlp.down_proj.lora_", l)
		ts = append(ts, drawn{name: p + "A.weight", shape: []int{8, mlp}}, drawn{name: p + "B.weight", shape: []int{hidden, 8}})
	}
	drawHalf(t, filepath.Join(dir, "adapter_model.safetensors"), "BF16", ts)
	return dir
}

// TestCaptureOfTinyModelsStaysWithinItsMemoryPlan has models of some families, with
// AGAR_MODELS of every one that names its down_proj so, and an adapter.
func TestCaptureOfTinyModelsStaysWithinItsMemoryPlan(t *testing.T) {
	names := []string{"gemma3", "phi3"}
	if os.Getenv("AGAR_MODELS") != "" {
		names = []string{"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "olmo2", "smollm3"}
	}
	var cases []memoryCase
	for _, f := range names {
		cases = append(cases, memoryCase{"tiny " + f, grow(t, grown{f, 4, 4, 256, 512, 1}), "blocks.3.hook_resid_post", "", 64, 0})
	}
	llama := grow(t, grown{"llama", 4, 4, 256, 512, 1})
	adapter := downAdapter(t, 4, 256, 128)
	holdToPlan(t, append(cases, memoryCase{"tiny llama", llama, "blocks.0.hook_resid_post,blocks.3.mlp.hook_post", adapter, 2048, 0}))
}

// blocksOf asks the program how many blocks a model has.
func blocksOf(t *testing.T, model string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "model", "inspect", model, "--json")
	cmd.Args[0] = "agar"
	out, err := cmd.Output()
	var info struct{ Layers int }
	if err == nil {
		err = json.Unmarshal(out, &info)
	}
	if err != nil || info.Layers < 1 {
		t.Fatalf("%s: %d blocks, %v", model, info.Layers, err)
	}
	return info.Layers
}

// TestCaptureStaysWithinItsMemoryPlan has the real models as they are and in 16 bits,
// and models of a gigabyte that are made here, with and without adapter, short and
// long windows. AGAR_BIG_GB makes the latter so large.
func TestCaptureStaysWithinItsMemoryPlan(t *testing.T) {
	models := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(models) == 0 {
		t.Skip("AGAR_MODELS is not set")
	}
	var cases []memoryCase
	for _, m := range models {
		name, r4, last := filepath.Base(m), filepath.Join(filepath.Dir(m), "smollm2-r4"), blocksOf(t, m)-1
		one := fmt.Sprintf("blocks.%d.hook_resid_post", last/2)
		three := fmt.Sprintf("blocks.0.mlp.hook_post,blocks.%d.mlp.hook_pre,blocks.%d.hook_resid_post", last/2, last)
		cases = append(cases, memoryCase{name, m, one, "", 128, 2100}, memoryCase{name, m, three, "", 1024, 300})
		if !strings.HasPrefix(name, "SmolLM2") {
			continue
		}
		cases = append(cases, memoryCase{name, m, one, r4, 128, 300})
		if _, err := os.Stat(filepath.Join(m, "model.safetensors")); err == nil {
			for _, dtype := range []string{"F16", "BF16"} {
				h := halved(t, m, dtype)
				cases = append(cases, memoryCase{name + " " + dtype, h, one, "", 128, 300}, memoryCase{name + " " + dtype, h, three, r4, 512, 300})
			}
		}
	}
	gb, _ := strconv.ParseFloat(os.Getenv("AGAR_BIG_GB"), 64)
	if gb == 0 {
		gb = 1
	}
	blocks := int(14 * gb)
	qwen := grow(t, grown{"qwen2", blocks, 48, 6144, 4096, 3})
	gemma := grow(t, grown{"gemma2", blocks, 32, 4096, 65536, 2})
	last := fmt.Sprintf("blocks.%d.hook_resid_post", blocks-1)
	cases = append(cases, memoryCase{"Qwen 2 shape, BF16", qwen, last, "", 128, 100}, memoryCase{"Qwen 2 shape, BF16", qwen, "blocks.1.hook_resid_post", downAdapter(t, blocks, 6144, 1536), 128, 100},
		memoryCase{"Gemma 2 shape, BF16", gemma, last, "", 128, 100})
	holdToPlan(t, cases)
}
