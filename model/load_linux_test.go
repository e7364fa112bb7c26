package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"agar/model/tensor"
)

// resident reads a line of /proc/self/status, in bytes.
func resident(t testing.TB, key string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); f[0] == key+":" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s in /proc/self/status", key)
	return 0
}

// bigTensor is a tensor of the gigabyte model.
type bigTensor struct {
	name, ggml  string
	shape       []int
	elems, from int64 // in elements
}

// bigShape is the gigabyte model's config.
var bigShape = map[string]any{"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 15,
	"num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 64}

// bigTensors are 252 million parameters, a gigabyte in float32.
func bigTensors() (all []bigTensor, elems int64) {
	const d, mlp, layers, vocab = 1024, 4096, 15, 64
	add := func(name, ggml string, shape ...int) {
		n := int64(1)
		for _, s := range shape {
			n *= int64(s)
		}
		all = append(all, bigTensor{name, ggml, shape, n, elems})
		elems += n
	}
	add("model.embed_tokens.weight", "token_embd.weight", vocab, d)
	add("model.norm.weight", "output_norm.weight", d)
	for l := range layers {
		p, g := fmt.Sprintf("model.layers.%d.", l), fmt.Sprintf("blk.%d.", l)
		add(p+"input_layernorm.weight", g+"attn_norm.weight", d)
		add(p+"post_attention_layernorm.weight", g+"ffn_norm.weight", d)
		for _, n := range []string{"q", "k", "v", "o"} {
			ggml := map[string]string{"o": "output"}[n]
			if ggml == "" {
				ggml = n
			}
			add(p+"self_attn."+n+"_proj.weight", g+"attn_"+ggml+".weight", d, d)
		}
		add(p+"mlp.gate_proj.weight", g+"ffn_gate.weight", mlp, d)
		add(p+"mlp.up_proj.weight", g+"ffn_up.weight", mlp, d)
		add(p+"mlp.down_proj.weight", g+"ffn_down.weight", d, mlp)
	}
	return all, elems
}

// sparse writes a header and leaves a hole of so many bytes behind it.
func sparse(t testing.TB, path string, header []byte, hole int64) {
	t.Helper()
	if err := os.WriteFile(path, header, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(header))+hole); err != nil {
		t.Fatal(err)
	}
}

func bigSafetensors(t testing.TB) string {
	dir := bareDir(t, bigShape)
	all, elems := bigTensors()
	header := map[string]any{}
	for _, x := range all {
		header[x.name] = map[string]any{"dtype": "F32", "shape": x.shape, "data_offsets": []int64{4 * x.from, 4 * (x.from + x.elems)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	sparse(t, filepath.Join(dir, singleFile), append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), 4*elems)
	return dir
}

// bigTorch writes the older format of torch.save: every tensor a view of one storage.
func bigTorch(t testing.TB) string {
	dir := bareDir(t, bigShape)
	all, elems := bigTensors()
	var b bytes.Buffer
	text := func(s string) { _ = binary.Write(&b, binary.LittleEndian, uint32(len(s))); b.WriteString(s) }
	number := func(n int64) { b.WriteByte('J'); _ = binary.Write(&b, binary.LittleEndian, uint32(n)) }
	b.WriteString("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}(")
	for _, x := range all {
		b.WriteString("X")
		text(x.name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu")
		number(elems)
		b.WriteString("NtQ")
		number(x.from)
		stride := []int{x.shape[len(x.shape)-1], 1}[2-len(x.shape):]
		for _, dims := range [][]int{x.shape, stride} {
			b.WriteByte('(')
			for _, n := range dims {
				number(int64(n))
			}
			b.WriteByte('t')
		}
		b.WriteString("\x89ccollections\nOrderedDict\n)RtR")
	}
	b.WriteString("u.\x80\x02]U\x010a.")
	_ = binary.Write(&b, binary.LittleEndian, uint64(elems))
	sparse(t, filepath.Join(dir, "pytorch_model.bin"), b.Bytes(), 4*elems)
	return dir
}

func bigGGUF(t testing.TB) string {
	all, elems := bigTensors()
	var tensors []ggufTensor
	for _, x := range all {
		tensors = append(tensors, ggufTensor{x.ggml, tensor.F32, x.shape, uint64(4 * x.from)})
	}
	path := filepath.Join(t.TempDir(), "big.gguf")
	sparse(t, path, ggufHeader(llamaMeta(15, 1024, 4096, 16, 16), tensors), 4*elems)
	return path
}

var bigFiles = map[string]func(testing.TB) string{"safetensors": bigSafetensors, "torch": bigTorch, "gguf": bigGGUF}

// TestLoadingAGigabyte: opening maps the weights and copies none of them, neither
// into memory of the process nor by touching them; on a quiet machine, which that
// of the real-model tests is taken for, within 0.3 s.
func TestLoadingAGigabyte(t *testing.T) {
	for name, make := range bigFiles {
		path := make(t)
		debug.FreeOSMemory()
		anon, file := resident(t, "RssAnon"), resident(t, "RssFile")
		best := time.Hour
		for range 3 {
			start := time.Now()
			m, err := Open(path, Options{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			best = min(best, time.Since(start))
			if a, f := resident(t, "RssAnon")-anon, resident(t, "RssFile")-file; a > 16<<20 || f > 16<<20 {
				t.Errorf("%s: open, the process has %.1f MB more of its own and %.1f MB more of files, expected at most 16 of a gigabyte", name, float64(a)/1e6, float64(f)/1e6)
			}
			if m.plan.weights < 1e9 || m.w.embed.Rows() != 64 {
				t.Errorf("%s: %d bytes of weights", name, m.plan.weights)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
		t.Logf("%s: opened in %v", name, best)
		if os.Getenv("AGAR_MODELS") != "" && best > 300*time.Millisecond {
			t.Errorf("%s: opened in %v, expected at most 0.3 s", name, best)
		}
	}
}

// BenchmarkOpenGigabyte measures how long that takes.
func BenchmarkOpenGigabyte(b *testing.B) {
	for name, make := range bigFiles {
		b.Run(name, func(b *testing.B) {
			path := make(b)
			for b.Loop() {
				m, err := Open(path, Options{})
				if err != nil {
					b.Fatal(err)
				}
				m.Close()
			}
			b.ReportMetric(float64(resident(b, "VmHWM"))/1e6, "peak-MB")
		})
	}
}
