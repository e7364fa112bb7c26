package gguf

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/internal/bounds"
)

// builder writes files that lie.
type builder struct{ bytes.Buffer }

func (b *builder) u32(v uint32) *builder { return b.put(v) }
func (b *builder) u64(v uint64) *builder { return b.put(v) }
func (b *builder) str(s string) *builder {
	b.u64(uint64(len(s))).WriteString(s)
	return b
}

func (b *builder) put(v any) *builder {
	_ = binary.Write(&b.Buffer, binary.LittleEndian, v)
	return b
}

// header is magic, version and counts.
func header(version uint32, tensors, pairs uint64) *builder {
	b := &builder{}
	b.WriteString("GGUF")
	return b.u32(version).u64(tensors).u64(pairs)
}

// weight describes a tensor and ends with n zero bytes of data.
func weight(name string, kind uint32, offset uint64, n int, dims ...uint64) *builder {
	b := header(3, 1, 0).str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		b.u64(d)
	}
	b.u32(kind).u64(offset)
	b.Write(make([]byte, (32-b.Len()%32)%32+n))
	return b
}

func TestBadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file *builder
		want string
	}{
		"magic":             {&builder{*bytes.NewBufferString("GGML" + strings.Repeat("\x00", 40))}, `found "GGML", expected "GGUF"`},
		"version":           {header(1, 0, 0), "found 1, expected 2 or 3"},
		"big endian":        {header(3<<24, 0, 0), "big-endian"},
		"tensors":           {header(3, 1<<60, 0), "number of tensors"},
		"keys":              {header(3, 0, 1<<60), "number of metadata keys"},
		"long key":          {header(3, 0, 1).u64(1 << 50).u64(0), "length of a string at byte 32: found 1125899906842624"},
		"long string":       {header(3, 0, 1).str("k").u32(kindString).u64(99).u64(0), `metadata "k": length of a string`},
		"long array":        {header(3, 0, 1).str("k").u32(kindArray).u32(kindFloat64).u64(1 << 61), `metadata "k": length of an array`},
		"element type":      {header(3, 0, 1).str("k").u32(kindArray).u32(77).u64(0), "found element type 77"},
		"value type":        {header(3, 0, 1).str("k").u32(77).u64(0), "found value type 77"},
		"cut value":         {header(3, 0, 1).str("k").u32(kindUint64).u32(0), `metadata "k" at byte 37: found 4 bytes to the end of the file, expected 8`},
		"key twice":         {header(3, 0, 2).str("k").u32(kindUint8).put(uint8(1)).str("k").u32(kindUint8).put(uint8(1)), "comes twice"},
		"alignment":         {header(3, 0, 1).str("general.alignment").u32(kindUint32).u32(24), "power of two"},
		"dimensions":        {weight("w", 0, 0, 64, 1, 1, 1, 1, 1), "found 5 dimensions"},
		"huge dimension":    {weight("w", 0, 0, 64, 1<<40, 1), "expected less than 2³¹"},
		"short data":        {weight("w", 0, 0, 64, 5, 4), `tensor "w": found 64 bytes from byte`},
		"offset":            {weight("w", 0, 7, 64, 4), "found offset 7"},
		"offset behind":     {weight("w", 0, 1<<40, 64, 4), "found offset 1099511627776"},
		"huge product":      {weight("w", 0, 0, 64, 1<<30, 1<<30, 1<<30, 1<<30), "too big"},
		"product of 2⁶⁴":    {weight("w", 0, 0, 64, 1, 1<<28, 1<<18, 1<<18), "too big"},
		"many keys":         {&builder{*bytes.NewBuffer(append(header(3, 0, 5000).Bytes(), make([]byte, 70000)...))}, "expected at most 4096"},
		"block":             {weight("w", 2, 0, 64, 33), "multiple of 32"},
		"truncated":         {&builder{*bytes.NewBuffer(weight("w", 0, 0, 64, 4).Bytes()[:40])}, "number of tensors"},
		"truncated in name": {&builder{*bytes.NewBuffer(append(header(3, 1, 0).str("www").u32(4).Bytes(), make([]byte, 18)...))}, `tensor "www"`},
	} {
		path := filepath.Join(t.TempDir(), "bad.gguf")
		if err := os.WriteFile(path, c.file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			_ = f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want it to say %q", name, err, c.want)
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none"), "/dev/null"} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s opened", path)
		}
	}
}

// Every prefix of a good file is refused or has nothing to read beyond its end.
func TestTruncatedAnywhere(t *testing.T) {
	b, err := os.ReadFile("testdata/all.gguf")
	if err != nil {
		t.Fatal(err)
	}
	last := len(b) - 12 // the padding behind the last tensor's 20 bytes
	for n := range last {
		if _, err := parse("cut", b[:n:n]); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(b))
		}
	}
	if _, err := parse("cut", b[:last]); err != nil {
		t.Error(err)
	}
}

func TestTokenizerErrors(t *testing.T) {
	base := func() *File {
		f := open(t, "smollm.gguf")
		return f
	}
	for _, c := range []struct {
		key   string
		value any
		want  string
	}{
		{"tokenizer.ggml.model", "rwkv", `found "rwkv", expected gpt2, llama, t5 or bert`},
		{"tokenizer.ggml.model", "llama", `found 0 scores`},
		{"tokenizer.ggml.model", "bert", `"tokenizer.ggml.unknown_token_id": found -1`},
		{"tokenizer.ggml.model", nil, `"tokenizer.ggml.model": found none`},
		{"tokenizer.ggml.pre", "chatglm-bpe", `found "chatglm-bpe"`},
		{"tokenizer.ggml.tokens", uint64(3), `"tokenizer.ggml.tokens": found uint64`},
		{"tokenizer.ggml.token_type", []int64{1}, "found 1, expected one for each of 420 tokens"},
		{"tokenizer.ggml.merges", []string{"a"}, "merge 0"},
		{"tokenizer.ggml.add_bos_token", true, `"tokenizer.ggml.bos_token_id": found none`},
	} {
		f := base()
		f.values[c.key] = c.value
		if c.value == nil {
			delete(f.values, c.key)
		}
		if _, err := f.Tokenizer(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), f.path) {
			t.Errorf("%s = %v: error %v, want it to say %s", c.key, c.value, err, c.want)
		}
	}
	f := base()
	f.values["tokenizer.ggml.add_bos_token"], f.values["tokenizer.ggml.bos_token_id"] = true, uint64(1)
	tok, err := f.Tokenizer()
	if err != nil || len(tok.Prefix()) != 1 || tok.Prefix()[0] != 1 {
		t.Errorf("prefix %v, %v; want [1]", tok.Prefix(), err)
	}
	f.values["tokenizer.ggml.bos_token_id"] = uint64(1 << 40)
	if _, err := f.Tokenizer(); err == nil {
		t.Error("a BOS outside the vocabulary was accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"all", "smollm", "vocabulary", "split-00002-of-00003", "bert", "llama-pieces", "t5-pieces", "unigram-pieces"} {
		b, err := os.ReadFile("testdata/" + name + ".gguf")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(weight("w", 3, 0, 64, 32, 2).Bytes())
	f.Add(header(2, 0, 1).str("k").u32(kindArray).u32(kindArray).u64(1).u32(kindString).u64(1).str("x").Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		var x *File
		var err error
		bounds.Parse(t, len(b), 1<<20, func() { x, err = parse("fuzz", b) })
		if err != nil {
			return
		}
		for _, w := range x.Tensors() {
			if len(w.Data) > len(b) {
				t.Fatalf("tensor %q has %d of %d bytes", w.Name, len(w.Data), len(b))
			}
			_, _ = x.Tensor(w.Name)
		}
		for _, key := range x.Keys() {
			if _, ok := x.Value(key); !ok {
				t.Fatalf("no value of %q", key)
			}
			_, _ = x.Uint(key)
			_, _ = x.Int(key)
			_, _ = x.Float(key)
			_, _ = x.Ints(key)
			_, _ = x.Floats(key)
		}
		_, _, _ = x.part()
		_ = x.Architecture()
		bounds.Parse(t, len(b), 1<<20, func() { _, _ = x.Vocabulary() })
		bounds.Parse(t, len(b), 1<<20, func() { _, _ = x.Tokenizer() })
		_, _ = x.ChatTemplate()
	})
}
