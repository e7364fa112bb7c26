package gguf

import (
	"fmt"
	"testing"

	"agar/model/internal/bounds"
)

// array is a file of one array of n elements.
func array(n int, kind uint32, one func(b *builder)) *builder {
	b := header(3, 0, 1).str("k").u32(kindArray).u32(kind).u64(uint64(n))
	for range n {
		one(b)
	}
	return b
}

// infos is a file of n tensors of dims dimensions.
func infos(n, dims int) *builder {
	b := header(3, uint64(n), 0)
	for i := range n {
		b.str(fmt.Sprint(i)).u32(uint32(dims))
		for range dims {
			b.u64(1)
		}
		b.u32(24).u64(0) // I8
	}
	b.Write(make([]byte, 64))
	return b
}

// vocab is a file of a vocabulary of n numbers.
func vocab(model string, n int) *builder {
	b := header(3, 0, 8).str("tokenizer.ggml.model").u32(kindString).str(model)
	b.str("tokenizer.ggml.tokens").u32(kindArray).u32(kindString).u64(uint64(n))
	for i := range n {
		b.str(fmt.Sprint(i))
	}
	b.str("tokenizer.ggml.token_type").u32(kindArray).u32(kindInt8).u64(uint64(n))
	for i := range n {
		b.put(int8(1 + max(0, 1-i)))
	}
	b.str("tokenizer.ggml.scores").u32(kindArray).u32(kindFloat32).u64(uint64(n))
	b.Write(make([]byte, 4*n))
	for _, s := range []string{"bos", "eos", "unknown", "seperator"} {
		b.str("tokenizer.ggml." + s + "_token_id").u32(kindUint8).put(uint8(0))
	}
	return b
}

// What a file makes agar allocate is bounded by its size, whatever is packed in it.
func TestDenseFiles(t *testing.T) {
	n := 40_000
	for name, b := range map[string]*builder{
		"strings":     array(n, kindString, func(b *builder) { b.str("") }),
		"bytes":       array(n, kindUint8, func(b *builder) { b.put(uint8(1)) }),
		"arrays":      array(n, kindArray, func(b *builder) { b.u32(kindUint8).u64(0) }),
		"scalars":     infos(n, 0),
		"tensors":     infos(n, 4),
		"llama":       vocab("llama", 4000),
		"llama, more": vocab("llama", n),
		"t5":          vocab("t5", n),
		"bert":        vocab("bert", n),
	} {
		s := b.Bytes()
		var x *File
		var err, err2 error
		n1 := bounds.Parse(t, len(s), 1<<20, func() { x, err = parse("fuzz", s) })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n2 := bounds.Parse(t, len(s), 1<<20, func() { _, err = x.Vocabulary() })
		n3 := bounds.Parse(t, len(s), 1<<20, func() { _, err2 = x.Tokenizer() })
		part := func(n uint64) float64 { return float64(n) / float64(len(s)) }
		t.Logf("%-12s %7d bytes, %4.1f, %4.1f and %4.1f times allocated: %.60v; %.60v", name, len(s), part(n1), part(n2), part(n3), err, err2)
	}
}
