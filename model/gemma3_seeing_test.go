package model

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/internal/tiny"
	"agar/model/safetensors"
)

// seeing writes the tiny Gemma 3 as models of images are published, with names as
// rename makes them and changes to the text's config.
func seeing(t *testing.T, rename func(string) string, changes map[string]any) string {
	t.Helper()
	recipe, dir := filepath.Join(recipes, "gemma3"), t.TempDir()
	ts, err := tiny.Model(dir, recipe, "testdata/tied/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	out := tiny.DrawAll(ts)
	for i := range out {
		out[i].Name = rename(out[i].Name)
	}
	out = append(out, safetensors.Out{Name: rename("vision_tower.vision_model.embeddings.patch_embedding.weight"), Shape: []int{1, 2}, F32: []float32{1, 2}},
		safetensors.Out{Name: "multi_modal_projector.mm_input_projection_weight", Shape: []int{1}, F32: []float32{1}})
	if err := tiny.Write(filepath.Join(dir, singleFile), out); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	var text map[string]any
	if err := json.Unmarshal(data, &text); err != nil {
		t.Fatal(err)
	}
	maps.Copy(text, changes)
	data, err = json.Marshal(map[string]any{"architectures": []string{"Gemma3ForConditionalGeneration"}, "model_type": "gemma3", "text_config": text,
		"vision_config": map[string]any{"hidden_size": 2}, "mm_tokens_per_image": 4, "image_token_index": 63, "eos_token_id": []int{1, 5}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, configFile), data)
	return dir
}

func older(name string) string {
	if strings.HasPrefix(name, "vision_tower") {
		return name
	}
	return "language_model." + name
}

func newer(name string) string {
	switch rest, ok := strings.CutPrefix(name, "model."); {
	case ok:
		return "model.language_model." + rest
	case strings.HasPrefix(name, "vision_tower"):
		return "model." + name
	}
	return name
}

// TestGemma3Seeing: the text part of a model that sees images, under the names of
// older and newer writers, is the model without them, to the bit.
func TestGemma3Seeing(t *testing.T) {
	plain := t.TempDir()
	if _, err := tiny.Model(plain, filepath.Join(recipes, "gemma3"), "testdata/tied/tokenizer.json"); err != nil {
		t.Fatal(err)
	}
	seqs := [][]int32{{0, 7, 3, 9, 20, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	want := forwardOK(t, open(t, plain), &Request{Seqs: seqs, Logits: AllLogits})
	for _, rename := range []func(string) string{older, newer} {
		m := open(t, seeing(t, rename, nil))
		got := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
		if !slices.Equal(got.Logits, want.Logits) || !slices.Equal(m.EOS, []int32{1, 5}) {
			t.Errorf("logits differ from those of the text model, or EOS %v", m.EOS)
		}
	}
	for name, c := range map[string]struct {
		rename  func(string) string
		changes map[string]any
		want    string
	}{
		"unknown key": {older, map[string]any{"router_temperature": 2}, "text_config.router_temperature is not known"},
		"another tensor": {func(s string) string {
			return strings.Replace(older(s), "layers.1.mlp.up_proj", "layers.1.mlp.other", 1)
		}, nil, "model.layers.1.mlp"},
		"quantised": {older, map[string]any{"quantization_config": map[string]any{"bits": 4}}, "quantization_config"},
	} {
		if _, err := Open(seeing(t, c.rename, c.changes), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, expected it to say %s", name, err, c.want)
		}
	}
}

// TestGemma3SeeingDefaults: what published configs leave out is Gemma3TextConfig's
// default, as in that of the model with 4 billion parameters.
func TestGemma3SeeingDefaults(t *testing.T) {
	_, _, s, err := parseConfig([]byte(`{"architectures":["Gemma3ForConditionalGeneration"],"boi_token_index":255999,"eoi_token_index":256000,
		"eos_token_id":[1,106],"image_token_index":262144,"initializer_range":0.02,"mm_tokens_per_image":256,"model_type":"gemma3",
		"text_config":{"hidden_size":2560,"intermediate_size":10240,"model_type":"gemma3_text","num_hidden_layers":34,
		"rope_scaling":{"factor":8.0,"rope_type":"linear"},"sliding_window":1024},"torch_dtype":"bfloat16","transformers_version":"4.50.0.dev0","vision_config":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Heads != 8 || s.KVHeads != 4 || s.DHead != 256 || s.Vocab != 262208 || !s.TieEmbeddings || s.MaxPos != 131072 || len(s.Ropes) != 2 || s.Ropes[0].Theta != 1e6 || s.Ropes[1].Theta != 1e4 {
		t.Errorf("%+v", s)
	}
	if s.Blocks[4].Window != 1024 || s.Blocks[5].Window != 0 || s.Parameters() < 3.8e9 || s.Parameters() > 4e9 {
		t.Errorf("windows %d %d, %d parameters", s.Blocks[4].Window, s.Blocks[5].Window, s.Parameters())
	}
}

// TestGemma3SeeingReference holds the text part to what transformers computes with
// the whole model (.ci/seeing.py).
func TestGemma3SeeingReference(t *testing.T) {
	if os.Getenv("AGAR_DUMPS") == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	dir := filepath.Join(os.Getenv("AGAR_DUMPS"), "seeing", "gemma3-seeing")
	d := openDump(t, filepath.Join(dir, "dump.safetensors"))
	logWorst(t, checkDump(t, open(t, dir), d))
}
