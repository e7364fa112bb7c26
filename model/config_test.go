package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"agar/model/internal/bounds"
)

// A config that parses gives a Spec that can be computed with.
func FuzzParseConfig(f *testing.F) {
	seeds, _ := filepath.Glob(filepath.Join("testdata", "families", "*", configFile))
	for _, v := range []string{"tied", "llama3", "sharded"} {
		seeds = append(seeds, filepath.Join("testdata", v, configFile))
	}
	for _, name := range seeds {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"architectures":["LlamaForCausalLM"],"eos_token_id":[1,2]}`))
	f.Add([]byte(`{"architectures":["LlamaForCausalLM"],"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":4,"rope_scaling":{"type":"llama3"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Spec
		var err error
		bounds.Parse(t, len(data), 1<<18+min(8<<20, 600*uint64(len(data))), func() { _, _, s, err = parseConfig(data) })
		if err != nil {
			return
		}
		if s.Heads%s.KVHeads != 0 || s.Parameters() <= 0 || workspaceBytes(&s, groupRows) <= 0 {
			t.Fatalf("accepted %+v", s)
		}
		for i := range s.Ropes {
			for _, n := range []int{1, s.MaxPos} {
				for _, v := range s.Ropes[i].inverseFrequencies(n) {
					if !(v >= 0 && v <= math.MaxFloat32) {
						t.Fatalf("frequency %g of %+v", v, s)
					}
				}
			}
		}
	})
}

func TestTokenIDs(t *testing.T) {
	for text, want := range map[string]tokenIDs{"null": nil, "7": {7}, "[1,2]": {1, 2}, "[]": {}} {
		var got tokenIDs
		if err := json.Unmarshal([]byte(text), &got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{`"x"`, `1.5`, `[1,"x"]`, `99999999999`} {
		var got tokenIDs
		if json.Unmarshal([]byte(text), &got) == nil {
			t.Errorf("%s is accepted as %v", text, got)
		}
	}
}

// The angles of transformers: 1/base^(2i/d) in float32, the product with the
// position rounded to float32. Written out for one angle that exact arithmetic
// would place elsewhere.
func TestRotaryAnglesAreRoundedToFloat32(t *testing.T) {
	r := Rope{Dim: 64, Theta: 100000}
	table := newRopeTable(&r, 2200, 2200)
	inv := r.inverseFrequencies(2200)
	moved := 0.0
	for i, f := range inv {
		angle := float64(float32(2199) * f)
		if got, want := table.cos[2199*32+i], float32(math.Cos(angle)); got != want {
			t.Errorf("frequency %d: cos %g, expected %g", i, got, want)
		}
		exact := 2199 * math.Pow(100000, -float64(2*i)/64)
		moved = max(moved, math.Abs(angle-exact))
	}
	if moved < 1e-5 || moved > 3e-4 {
		t.Errorf("rounding moves angles by up to %.1e, expected about 1e-4", moved)
	}
}

// GGUF files carry llama3 scaling as divisors of the frequencies.
func TestDivisorsEqualLlama3(t *testing.T) {
	plain := Rope{Dim: 64, Theta: 500000}
	scaled := plain
	scaled.Scaling = RopeScaling{Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPos: 8192}
	byDivisor := plain
	for i, f := range plain.inverseFrequencies(1) {
		byDivisor.Scaling.Divisors = append(byDivisor.Scaling.Divisors, f/scaled.inverseFrequencies(1)[i])
	}
	changed := 0
	for i, want := range scaled.inverseFrequencies(1) {
		// Two roundings of float32.
		if got := byDivisor.inverseFrequencies(1)[i]; math.Abs(float64(got/want-1)) > 2.4e-7 {
			t.Errorf("frequency %d: %g, expected %g", i, got, want)
		}
		if want != plain.inverseFrequencies(1)[i] {
			changed++
		}
	}
	if changed < 10 {
		t.Errorf("scaling changes %d of 32 frequencies", changed)
	}
}

// What a config makes agar allocate is bounded, whatever is packed in it.
func TestDenseConfigs(t *testing.T) {
	many := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	sizes := `"hidden_size":8,"intermediate_size":8,"num_attention_heads":2,"num_key_value_heads":1,"vocab_size":4,"rms_norm_eps":1e-5,"max_position_embeddings":64`
	for _, n := range []int{maxConfigValues/2 - 20, 100_000} {
		for name, s := range map[string]string{
			"keys":          `{"architectures":["LlamaForCausalLM"],"num_hidden_layers":1,` + sizes + `,` + many(`"#":1`, n) + `}`,
			"architectures": `{"architectures":[` + many(`""`, n) + `]}`,
			"scaling":       `{"architectures":["LlamaForCausalLM"],"num_hidden_layers":1,` + sizes + `,"rope_scaling":{` + many(`"#":1`, n) + `}}`,
			"factors":       `{"architectures":["LlamaForCausalLM"],"num_hidden_layers":1,` + sizes + `,"rope_scaling":{"type":"longrope","short_factor":[` + many("1", n) + `]}}`,
			"types":         `{"architectures":["Qwen2ForCausalLM"],"num_hidden_layers":1,` + sizes + `,"layer_types":[` + many(`""`, n) + `]}`,
			"layers":        `{"architectures":["LlamaForCausalLM"],"num_hidden_layers":4096,` + sizes + `,"a":[` + many(`1`, n) + `]}`,
		} {
			var err error
			got := bounds.Parse(t, len(s), 1<<18+min(8<<20, 600*uint64(len(s))), func() { _, _, _, err = parseConfig([]byte(s)) })
			t.Logf("%-14s %7d bytes, %8d allocated: %.70v", name, len(s), got, err)
			if err == nil {
				t.Errorf("%s is accepted", name)
			}
		}
	}
}
