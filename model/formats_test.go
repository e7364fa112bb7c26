package model

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// formatFiles is where testdata/make_formats.py put the weights of a case, and what
// they are called in a directory.
var formatFiles = map[string]map[string]string{
	"zip":    {"zip.bin": "pytorch_model.bin"},
	"legacy": {"legacy.bin": "pytorch_model.bin"},
	"shards": {"shards.index.json": "pytorch_model.bin.index.json", "shards.0": "shards.0", "shards.1": "shards.1"},
	"both":   {"both.safetensors": singleFile},
	"head":   {"head.safetensors": singleFile},
	"embed":  {"embed.safetensors": singleFile},
	"differ": {"differ.safetensors": singleFile},
	"f64":    {"f64.safetensors": singleFile},
	"bf16":   {"bf16.safetensors": singleFile},
}

// formatDir makes a model directory with the weights of a case.
func formatDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	put := func(from, to string) {
		b, err := os.ReadFile(filepath.Join("testdata", from))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("formats/config.json", configFile)
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		put("tied/"+name, name)
	}
	for from, to := range files {
		put("formats/"+from, to)
	}
	return dir
}

// lastLogits opens a directory and computes the logits behind ids.
func lastLogits(t *testing.T, dir string, ids []int32) ([]float32, *Model) {
	t.Helper()
	m := open(t, dir)
	r, err := m.Forward(context.Background(), &Request{Seqs: [][]int32{ids}, Logits: LastLogits})
	if err != nil {
		t.Fatal(err)
	}
	return r.Logits, m
}

// TestEveryFormOfWeights opens one model in every form of file, tied and not, and
// compares the logits with those of transformers.
func TestEveryFormOfWeights(t *testing.T) {
	var golden struct {
		IDs    []int32
		Logits map[string][]float64
	}
	text, err := os.ReadFile("testdata/formats/logits.json")
	if err == nil {
		err = json.Unmarshal(text, &golden)
	}
	if err != nil || len(golden.Logits) != len(formatFiles) {
		t.Fatalf("%d goldens, %v", len(golden.Logits), err)
	}
	var same []float32
	for name, files := range formatFiles {
		got, m := lastLogits(t, formatDir(t, files), golden.IDs)
		if worst := worstOf(got, golden.Logits[name]); !(worst <= 2e-5) {
			t.Errorf("%s: logits are off by %.2g of their norm, expected at most 2e-5", name, worst)
		}
		if m.Spec.TieEmbeddings != (name != "differ") {
			t.Errorf("%s: tied %v", name, m.Spec.TieEmbeddings)
		}
		if name == "differ" || name == "bf16" { // other numbers
			continue
		}
		if same == nil {
			same = got
		}
		if !slices.Equal(got, same) {
			t.Errorf("%s: logits differ from those of the same weights in another file", name)
		}
	}
}

// worstOf is the greatest difference relative to the norm of want.
func worstOf(got []float32, want []float64) float64 {
	var worst, norm float64
	for i, w := range want {
		worst = max(worst, math.Abs(float64(got[i])-w))
		norm += w * w
	}
	return worst / math.Sqrt(norm)
}

// TestTiedOnceInMemory: two names of one storage are one weight.
func TestTiedOnceInMemory(t *testing.T) {
	m := open(t, formatDir(t, formatFiles["zip"]))
	if m.w.embed != m.w.unembed {
		t.Error("a tied model has two embeddings")
	}
}

func TestWeightFilesRefused(t *testing.T) {
	const evil = "../../torchfile/testdata/evil.pt"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":         {nil, []string{"model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json"}},
		"strided":      {map[string]string{"strided.bin": "pytorch_model.bin"}, []string{"q_proj.weight", "strides [1 8]", "pytorch_model.bin"}},
		"code":         {map[string]string{evil: "pytorch_model.bin"}, []string{"pytorch_model.bin", "system"}},
		"values":       {map[string]string{"../../torchfile/testdata/steering_vector.pt": "pytorch_model.bin"}, []string{"pytorch_model.bin", `"again"`, "state dict"}},
		"cut":          {map[string]string{"config.json": "pytorch_model.bin"}, []string{"pytorch_model.bin", "expected the zip archive"}},
		"shard gone":   {map[string]string{"shards.index.json": "pytorch_model.bin.index.json", "shards.0": "shards.0"}, []string{"pytorch_model.bin.index.json", "shards.1"}},
		"broken first": {map[string]string{"config.json": singleFile, "zip.bin": "pytorch_model.bin"}, []string{singleFile, "header length"}},
	} {
		_, err := Open(formatDir(t, c.files), Options{})
		for _, w := range c.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v, want it to say %q", name, err, w)
			}
		}
		if name == "none" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v does not wrap %v", err, fs.ErrNotExist)
		}
	}
}
