package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"agar/model/internal/bounds"
)

func TestTame(t *testing.T) {
	for _, expr := range []string{gpt2Pattern, llama3Pattern, o200kPattern, qwen2Pattern, threeDigits, deepSeekCJK, deepSeekPattern, `\s+`, ` {2,}`, `(?:ab)+c*`, `(a|b)?c`,
		`[^(+*]+\(\*\+`, `[]a+*]+`, `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`} {
		if !tame(expr) {
			t.Errorf("%s is wild", expr)
		}
	}
	for _, expr := range []string{`(a+)+$`, `(a|a)*b`, `(?:(?:a|b))+`, `((a?)b){2,}`, `(.*)(.*)(.*)x`, `a*b*c*`, `(?:[a-z]+ ?)*`, `(?=(a+))+`} {
		if tame(expr) {
			t.Errorf("%s is tame", expr)
		}
	}
}

// wild is a tokenizer whose part splits or rewrites by a pattern that takes 2⁴⁰
// steps to find nothing in the text below.
func wild(part string) string {
	return base(part, `{"type":"`+map[string]string{"pre_tokenizer": "Split", "normalizer": "Replace", "decoder": "Replace"}[part]+
		`","pattern":{"Regex":"(a+)+$"},"content":"","behavior":"Isolated"}`)
}

// A pattern that would go on for years is an error that names it, from Encode and
// from Parse, which normalizes added tokens; a decoder's is refused.
func TestWildPatterns(t *testing.T) {
	defer func(d time.Duration) { patternTime = d }(patternTime)
	patternTime = 50 * time.Millisecond
	text := strings.Repeat("a", 40) + "!"
	for _, part := range []string{"pre_tokenizer", "normalizer"} {
		tok, err := Parse([]byte(wild(part)))
		if err != nil {
			t.Fatal(err)
		}
		var e Encoding
		bounds.Watch(func() { e, err = tok.Encode(text, true) })
		var bad *PatternError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), `"(a+)+$"`) || e.IDs != nil {
			t.Errorf("%s: %v, error %v", part, e.IDs, err)
		}
		if e, err := tok.Encode("aab", true); err != nil || len(e.IDs) == 0 {
			t.Errorf("%s: a text that is no trouble: %v, %v", part, e.IDs, err)
		}
	}
	added := strings.Replace(wild("normalizer"), `"added_tokens":[]`, `"added_tokens":[{"id":3,"content":"`+text+`","normalized":true}]`, 1)
	for name, file := range map[string]string{"added token": added, "decoder": wild("decoder")} {
		if _, err := Parse([]byte(file)); err == nil || !strings.Contains(err.Error(), "(a+)+$") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// doubling is a charsmap that makes two of every a: a root at unit 0 whose child for
// a is unit 0x61, the leaf of which is unit 0x60 and says where the replacement lies.
func doubling() string {
	b := make([]byte, 4+4*0x62, 4+4*0x62+3)
	binary.LittleEndian.PutUint32(b, 4*0x62)
	binary.LittleEndian.PutUint32(b[4+4*0x61:], 1<<10|1<<8|0x61)
	return base64.StdEncoding.EncodeToString(append(b, "aa\x00"...))
}

// doublers are normalizers that make two of every a, or of every é.
func doublers() map[string]string {
	return map[string]string{
		"replace":    `{"type":"Replace","pattern":{"String":"a"},"content":"aa"}`,
		"byte level": `{"type":"ByteLevel"}`,
		"charsmap":   `{"type":"Precompiled","precompiled_charsmap":"` + doubling() + `"}`,
	}
}

// repeated is a normalizer that does n times what one does.
func repeated(n int, one string) string {
	return `{"type":"Sequence","normalizers":[` + strings.Repeat(one+",", n-1) + one + `]}`
}

// Normalizers that double a text many times over are an error too, and decoders are
// refused.
func TestGrowthIsBounded(t *testing.T) {
	for name, step := range doublers() {
		tok, err := Parse([]byte(base("normalizer", repeated(60, step))))
		if err != nil {
			t.Fatal(name, err)
		}
		var e Encoding
		n := bounds.Allocated(func() { e, err = tok.Encode("aé", true) })
		if err == nil || !strings.Contains(err.Error(), "a text of 3") || e.IDs != nil || n > 1<<26 {
			t.Errorf("%s: %d ids, error %v, %d bytes", name, len(e.IDs), err, n)
		}
	}
	for n, ok := range map[int]bool{5: true, 6: false} {
		part := strings.Replace(repeated(n, doublers()["replace"]), "normalizers", "decoders", 1)
		if _, err := Parse([]byte(base("decoder", part))); (err == nil) != ok {
			t.Errorf("%d decoders that double: %v", n, err)
		}
	}
}
