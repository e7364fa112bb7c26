package model

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"agar/model/tensor"
)

// ggmlNumbers are the types of tensors by their numbers in GGUF files.
var ggmlNumbers = map[tensor.DType]uint32{
	tensor.F32: 0, tensor.F16: 1, tensor.Q4_0: 2, tensor.Q4_1: 3, tensor.Q5_0: 6, tensor.Q5_1: 7, tensor.Q8_0: 8, tensor.Q2_K: 10, tensor.Q3_K: 11,
	tensor.Q4_K: 12, tensor.Q5_K: 13, tensor.Q6_K: 14, tensor.IQ4_NL: 20, tensor.IQ4_XS: 23, tensor.F64: 28, tensor.BF16: 30,
}

// ggufTensor is a tensor to be written. Its bytes lie at offset behind the header.
type ggufTensor struct {
	name   string
	dtype  tensor.DType
	shape  []int
	offset uint64
}

// ggufHeader is the start of a file of a Llama model with 64 tokens, up to where the
// data of its tensors begin. Values are uint32, float32, bool or string.
func ggufHeader(meta map[string]any, tensors []ggufTensor) []byte {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	text := func(s string) { put(uint64(len(s))); b.WriteString(s) }
	b.WriteString("GGUF")
	put(uint32(3))
	put([]uint64{uint64(len(tensors)), uint64(len(meta) + 2)})
	for key, v := range meta {
		text(key)
		switch v := v.(type) {
		case uint32:
			put(uint32(4))
			put(v)
		case float32:
			put(uint32(6))
			put(v)
		case bool:
			put(uint32(7))
			put(v)
		case string:
			put(uint32(8))
			text(v)
		}
	}
	for key, n := range map[string]int{"tokenizer.ggml.tokens": 64, "tokenizer.ggml.merges": 0} {
		text(key)
		put([]uint32{9, 8})
		put(uint64(n))
		for i := range n {
			text(string(rune('0' + i)))
		}
	}
	for _, x := range tensors {
		text(x.name)
		put(uint32(len(x.shape)))
		for i := range x.shape {
			put(uint64(x.shape[len(x.shape)-1-i]))
		}
		put(ggmlNumbers[x.dtype])
		put(x.offset)
	}
	b.Write(make([]byte, (32-b.Len()%32)%32))
	return b.Bytes()
}

// llamaMeta is the metadata of a Llama model.
func llamaMeta(layers, width, mlp, heads, kvHeads int) map[string]any {
	return map[string]any{
		"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.add_bos_token": false,
		"llama.block_count": uint32(layers), "llama.context_length": uint32(256), "llama.embedding_length": uint32(width),
		"llama.feed_forward_length": uint32(mlp), "llama.attention.head_count": uint32(heads), "llama.attention.head_count_kv": uint32(kvHeads),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5), "llama.rope.freq_base": float32(500),
	}
}

// writeFile writes pieces one behind the other.
func writeFile(t testing.TB, path string, pieces ...[]byte) {
	t.Helper()
	if err := os.WriteFile(path, bytes.Join(pieces, nil), 0o600); err != nil {
		t.Fatal(err)
	}
}

// bareDir is a HF directory without weights, with changes to its config.
func bareDir(t testing.TB, config map[string]any) string {
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", configFile} {
		b, err := os.ReadFile(filepath.Join("testdata", "tied", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	editJSON(t, filepath.Join(dir, configFile), config)
	return dir
}
