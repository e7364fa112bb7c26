package gguf

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/internal/bounds"
	"agar/model/tokenizer"
)

// strs writes metadata that is a list of strings.
func (b *builder) strs(key string, list []string) *builder {
	b.str(key).u32(kindArray).u32(kindString).u64(uint64(len(list)))
	for _, s := range list {
		b.str(s)
	}
	return b
}

// bpeFile is a file without tensors that has the vocabulary of a tokenizer.json.
func bpeFile(t *testing.T, path, pre string) []byte {
	t.Helper()
	var f struct {
		Model struct {
			Vocab  map[string]int  `json:"vocab"`
			Merges json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, len(f.Model.Vocab))
	for s, id := range f.Model.Vocab {
		tokens[id] = s
	}
	var merges []string
	var pairs [][2]string
	if json.Unmarshal(f.Model.Merges, &merges) != nil {
		if err := json.Unmarshal(f.Model.Merges, &pairs); err != nil {
			t.Fatal(err)
		}
		merges = nil
		for _, p := range pairs {
			merges = append(merges, p[0]+" "+p[1])
		}
	}
	out := header(3, 0, 5).str("tokenizer.ggml.model").u32(kindString).str("gpt2").str("tokenizer.ggml.pre").u32(kindString).str(pre)
	out.str("tokenizer.ggml.add_bos_token").u32(kindBool).put(uint8(0))
	return out.strs("tokenizer.ggml.tokens", tokens).strs("tokenizer.ggml.merges", merges).Bytes()
}

// piecesFile has the tokens of a tokenizer.model, the first of them most likely.
func piecesFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.ParseSentencePiece(b)
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]string, tok.Size())
	out := header(3, 0, 5).str("tokenizer.ggml.model").u32(kindString).str("llama").str("tokenizer.ggml.add_bos_token").u32(kindBool).put(uint8(0))
	for id := range tokens {
		tokens[id], _ = tok.Token(int32(id))
	}
	out.strs("tokenizer.ggml.tokens", tokens).str("tokenizer.ggml.scores").u32(kindArray).u32(kindFloat32).u64(uint64(len(tokens)))
	for id := range tokens {
		out.put(float32(-id))
	}
	out.str("tokenizer.ggml.token_type").u32(kindArray).u32(kindInt32).u64(uint64(len(tokens)))
	for id, s := range tokens {
		kind := uint32(1)
		switch {
		case s == "<unk>":
			kind = tokenUnknown
		case tok.IsSpecial(int32(id)):
			kind = tokenControl
		case strings.HasPrefix(s, "<0x"):
			kind = 6
		}
		out.u32(kind)
	}
	return out.Bytes()
}

// TestVocabularyMemory holds the reading of a file and of its vocabulary to
// bounds.PerByte × its size + a megabyte: of the small ones here, and with
// AGAR_TOKENIZERS of real vocabularies, written without tensors.
func TestVocabularyMemory(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"smollm", "llama3", "qwen2", "bert", "llama-pieces", "gemma-pieces", "t5-pieces", "unigram-pieces"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	if dir := os.Getenv("AGAR_TOKENIZERS"); dir != "" {
		files["Llama 3"] = bpeFile(t, filepath.Join(dir, "llama3.json"), "llama-bpe")
		files["Qwen 3"] = bpeFile(t, filepath.Join(dir, "qwen3.json"), "qwen2")
		files["Gemma 2"] = piecesFile(t, filepath.Join(dir, "gemma2.model"))
		files["Mistral"] = piecesFile(t, filepath.Join(dir, "mistral_v1.model"))
	}
	table := fmt.Sprintf("\n%-16s %10s %10s %8s\n", "vocabulary", "bytes", "allocated", "a byte")
	for name, b := range files {
		n := bounds.Parse(t, len(b), 1<<20, func() {
			f, err := parse(name, b)
			if err == nil {
				_, err = f.Tokenizer()
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		table += fmt.Sprintf("%-16s %10d %10d %8.1f\n", name, len(b), n, float64(n)/float64(len(b)))
	}
	t.Log(table)
}
