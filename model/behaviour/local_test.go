package behaviour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"agar/model"
	"agar/model/internal/tiny"
)

// vocabularies spell numbers with one digit a token, and with up to three, some of
// them in more than one way.
func vocabularies() map[string][]string {
	common := []string{"<s>", "</s>", "<unk>", "x", ":", "Score", " ", "\n", "REFUSAL", "%", "5%", "x1"}
	one, three := append([]string{}, common...), append([]string{}, common...)
	for i := range 10 {
		one, three = append(one, strconv.Itoa(i)), append(three, strconv.Itoa(i))
	}
	for i := range 100 {
		three = append(three, fmt.Sprintf("%02d", i))
	}
	for i := range 1000 {
		three = append(three, fmt.Sprintf("%03d", i))
	}
	return map[string][]string{"one digit": one, "three digits": append(three, " 7", " 42", "\n100")}
}

// speller is a small random model over a vocabulary.
func speller(t testing.TB, vocab []string) *model.Model {
	t.Helper()
	dir := t.TempDir()
	words := map[string]int{}
	for i, w := range vocab {
		words[w] = i
	}
	special := func(id int) map[string]any {
		return map[string]any{"id": id, "content": vocab[id], "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}
	}
	put := func(name string, v any) {
		b, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("tokenizer.json", map[string]any{
		"version": "1.0", "added_tokens": []any{special(0), special(1), special(2)}, "normalizer": nil, "post_processor": nil,
		"pre_tokenizer": map[string]any{"type": "Whitespace"}, "decoder": map[string]any{"type": "Fuse"},
		"model": map[string]any{"type": "WordLevel", "vocab": words, "unk_token": "<unk>"},
	})
	put("tokenizer_config.json", map[string]any{"chat_template": "{{ messages[0]['content'] }} :", "eos_token": "</s>"})
	put("config.json", map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
		"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "vocab_size": len(vocab), "max_position_embeddings": 64, "rms_norm_eps": 0.01,
		"hidden_act": "silu", "rope_theta": 500.0, "tie_word_embeddings": true, "eos_token_id": 1, "bos_token_id": 0,
	})
	ts := []tiny.Tensor{{Name: "model.embed_tokens.weight", Shape: []int{len(vocab), 16}, Scale: 1}, {Name: "model.norm.weight", Shape: []int{16}, Center: 1, Scale: 0.2}}
	for l := range 2 {
		for name, shape := range map[string][]int{"self_attn.q_proj": {16, 16}, "self_attn.k_proj": {8, 16}, "self_attn.v_proj": {8, 16}, "self_attn.o_proj": {16, 16},
			"mlp.gate_proj": {24, 16}, "mlp.up_proj": {24, 16}, "mlp.down_proj": {16, 24}} {
			ts = append(ts, tiny.Tensor{Name: fmt.Sprintf("model.layers.%d.%s.weight", l, name), Shape: shape, Scale: 0.5})
		}
		for _, name := range []string{"input_layernorm", "post_attention_layernorm"} {
			ts = append(ts, tiny.Tensor{Name: fmt.Sprintf("model.layers.%d.%s.weight", l, name), Shape: []int{16}, Center: 1, Scale: 0.2})
		}
	}
	if err := tiny.Write(filepath.Join(dir, "model.safetensors"), tiny.DrawAll(ts)); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// segmentations are all ways to write text in words of a vocabulary.
func segmentations(text string, ids map[string]int32) [][]int32 {
	if text == "" {
		return [][]int32{nil}
	}
	var out [][]int32
	for n := 1; n <= len(text); n++ {
		id, ok := ids[text[:n]]
		if !ok {
			continue
		}
		for _, rest := range segmentations(text[n:], ids) {
			out = append(out, append([]int32{id}, rest...))
		}
	}
	return out
}

// bruteForce enumerates every sequence that spells a number and runs each one whole.
func bruteForce(t *testing.T, m *model.Model, vocab []string, prompt []int32) (sum, mass float64, sequences int) {
	ids := map[string]int32{}
	for i, w := range vocab {
		ids[w] = int32(i)
	}
	for n := range 101 {
		for _, lead := range []string{"", " ", "\n"} {
			for _, seq := range segmentations(lead+strconv.Itoa(n), ids) {
				res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{append(append([]int32{}, prompt...), seq...)}, Logits: model.AllLogits})
				if err != nil {
					t.Fatal(err)
				}
				p := 1.0
				for i, id := range append(seq, -1) {
					row := res.Logits[(len(prompt)-1+i)*len(vocab):][:len(vocab)]
					total, wanted := 0.0, 0.0
					for j, v := range row {
						e := math.Exp(float64(v))
						total += e
						if int32(j) == id || id < 0 && !strings.ContainsAny(vocab[j][:1], "0123456789") {
							wanted += e
						}
					}
					p *= wanted / total
				}
				sum, mass, sequences = sum+float64(n)*p, mass+p, sequences+1
			}
		}
	}
	return sum, mass, sequences
}

func TestTrieIsBruteForce(t *testing.T) {
	for name, vocab := range vocabularies() {
		m := speller(t, vocab)
		l, err := NewLocal(m, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, prompt := range [][]int32{{5, 8, 3, 4}} {
			sum, mass, n := bruteForce(t, m, vocab, prompt)
			gotSum, gotMass, err := l.expect(context.Background(), prompt)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d sequences, mass %.4f, expectation %.4f", name, n, mass, sum/mass)
			if math.Abs(gotSum-sum) > 1e-5*sum || math.Abs(gotMass-mass) > 1e-5*mass || !(mass > 0) {
				t.Errorf("%s: found Σ n·U %.9g and Σ U %.9g, brute force has %.9g and %.9g", name, gotSum, gotMass, sum, mass)
			}
		}
		l.Skip = 0.02
		quick, _, err := l.expect(context.Background(), []int32{5, 8, 3, 4})
		exact, mass, _ := bruteForce(t, m, vocab, []int32{5, 8, 3, 4})
		if err != nil || quick >= exact || exact-quick > 100*l.Skip {
			t.Errorf("%s: found Σ n·U %.9g, %v with %g left out of %.9g (mass %g)", name, quick, err, l.Skip, exact, mass)
		}
		l.Skip = 0
		if name != "one digit" {
			continue
		}
		score, err := l.Score(context.Background(), "Score x")
		if sum, mass, _ := bruteForce(t, m, vocab, []int32{5, 3, 4}); mass >= leastMass && (err != nil || math.Abs(score-sum/mass) > 1e-3) {
			t.Errorf("%s: score %g, %v, expected %g", name, score, err, sum/mass)
		} else if mass < leastMass && !errors.Is(err, ErrNoScore) {
			t.Errorf("%s: mass %g has the score %g, %v", name, mass, score, err)
		}
	}
}
