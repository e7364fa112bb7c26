package model

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"agar/model/safetensors"
	"agar/model/tensor"
)

// quantTensor is one tensor of the tiny quantised Llama model.
type quantTensor struct {
	ggml, hf string
	shape    []int
	heads    int // rows are interleaved by head in the GGUF file
}

// quantTensors are a model of one block, 256 wide, with 4 heads and 2 of keys.
func quantTensors() []quantTensor {
	const p, d, mlp = "model.layers.0.", 256, 256
	return []quantTensor{
		{"token_embd.weight", "model.embed_tokens.weight", []int{64, d}, 0},
		{"output_norm.weight", "model.norm.weight", []int{d}, 0},
		{"output.weight", "lm_head.weight", []int{64, d}, 0},
		{"blk.0.attn_norm.weight", p + "input_layernorm.weight", []int{d}, 0},
		{"blk.0.ffn_norm.weight", p + "post_attention_layernorm.weight", []int{d}, 0},
		{"blk.0.attn_q.weight", p + "self_attn.q_proj.weight", []int{d, d}, 4},
		{"blk.0.attn_k.weight", p + "self_attn.k_proj.weight", []int{d / 2, d}, 2},
		{"blk.0.attn_v.weight", p + "self_attn.v_proj.weight", []int{d / 2, d}, 0},
		{"blk.0.attn_output.weight", p + "self_attn.o_proj.weight", []int{d, d}, 0},
		{"blk.0.ffn_gate.weight", p + "mlp.gate_proj.weight", []int{mlp, d}, 0},
		{"blk.0.ffn_up.weight", p + "mlp.up_proj.weight", []int{mlp, d}, 0},
		{"blk.0.ffn_down.weight", p + "mlp.down_proj.weight", []int{d, mlp}, 0},
	}
}

// quantBytes draws the bytes of a tensor: random blocks with scales that keep the
// weights small, or random numbers.
func quantBytes(r *rand.Rand, dt tensor.DType, elems int) []byte {
	weights, size := dt.Block()
	b := make([]byte, elems/weights*size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	x := make([]float32, 1)
	put := func(at int, scale float64) {
		x[0] = float32(r.NormFloat64() * scale)
		switch dt {
		case tensor.F32:
			_, _ = binary.Encode(b[at:], binary.LittleEndian, x[0])
		case tensor.F64:
			_, _ = binary.Encode(b[at:], binary.LittleEndian, float64(x[0]))
		case tensor.BF16:
			var f [4]byte
			_, _ = binary.Encode(f[:], binary.LittleEndian, x[0])
			copy(b[at:], f[2:])
		default:
			tensor.F32ToF16(b[at:], x)
		}
	}
	for at := 0; at < len(b); at += size {
		if dt.Scales() == nil {
			put(at, 0.05)
		}
		for _, s := range dt.Scales() {
			put(at+s, 1e-4)
		}
	}
	return b
}

// writeQuantised writes the model as GGUF with matrices of type dt, and as an HF
// directory with the decoded numbers in float32.
func writeQuantised(t *testing.T, dt tensor.DType) (ggufPath, hfDir string) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(dt), 7))
	var tensors []ggufTensor
	var data, st bytes.Buffer
	var out []safetensors.Out
	for _, q := range quantTensors() {
		kind, cols := dt, q.shape[len(q.shape)-1]
		if len(q.shape) == 1 {
			kind = tensor.F32
		}
		rows := 1
		for _, n := range q.shape[:len(q.shape)-1] {
			rows = n
		}
		raw := quantBytes(r, kind, rows*cols)
		tensors = append(tensors, ggufTensor{q.ggml, kind, q.shape, uint64(data.Len())})
		data.Write(raw)
		data.Write(make([]byte, (32-data.Len()%32)%32))
		x := make([]float32, rows*cols)
		tensor.Dequantize(x, kind, raw)
		out = append(out, safetensors.Out{Name: q.hf, Shape: q.shape, F32: unmixed(x, rows, cols, q.heads)})
	}
	ggufPath = filepath.Join(t.TempDir(), "q.gguf")
	writeFile(t, ggufPath, ggufHeader(llamaMeta(1, 256, 256, 4, 2), tensors), data.Bytes())
	hfDir = bareDir(t, map[string]any{"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1, "rms_norm_eps": 1e-5,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "tie_word_embeddings": false, "rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 500.0}})
	if err := safetensors.Write(&st, out, nil); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(hfDir, singleFile), st.Bytes())
	return ggufPath, hfDir
}

// unmixed puts rows that llama.cpp's converter interleaved back in order: of every
// head the first halves' rows, then the second ones'.
func unmixed(x []float32, rows, cols, heads int) []float32 {
	if heads == 0 {
		return x
	}
	out, half := make([]float32, len(x)), rows/heads/2
	for i := range rows {
		h, in := i/(2*half), i%(2*half)
		copy(out[i*cols:(i+1)*cols], x[(h*2*half+in%half*2+in/half)*cols:])
	}
	return out
}

// TestEveryStorageTypeRuns: a GGUF file of every storage type gives the logits of the
// HF directory that holds its decoded weights, bit for bit, with panels kept and
// packed anew.
func TestEveryStorageTypeRuns(t *testing.T) {
	ids := []int32{5, 63, 0, 17, 17, 40, 2}
	for _, dt := range tensor.DTypes() {
		path, dir := writeQuantised(t, dt)
		want, _ := lastLogits(t, dir, ids)
		got, m := lastLogits(t, path, ids)
		if !slices.Equal(got, want) {
			t.Errorf("%v: logits %v, want %v", dt, got[:4], want[:4])
		}
		if m.w.blocks[0].projs[0].DType() != dt || m.w.storedBytes()[dt.String()] == 0 {
			t.Errorf("%v: weights are kept as %v", dt, m.w.blocks[0].projs[0].DType())
		}
		m.w.keep(nil)
		r := forwardOK(t, m, &Request{Seqs: [][]int32{ids}, Logits: LastLogits})
		if !slices.Equal(r.Logits, want) {
			t.Errorf("%v: logits differ when panels are not kept", dt)
		}
	}
}
