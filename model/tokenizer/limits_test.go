package tokenizer

import (
	"fmt"
	"strings"
	"testing"

	"agar/model/internal/bounds"
)

// many is n times one value, or n values of a format with their numbers.
func many(format string, n int) string {
	one := make([]string, n)
	for i := range one {
		if one[i] = format; strings.Contains(format, "%") {
			one[i] = fmt.Sprintf(format, i)
		}
	}
	return strings.Join(one, ",")
}

// dense are files of nothing but the shortest of what each part of a tokenizer.json
// may hold, some hundred thousand bytes of it.
func dense() map[string]string {
	model := func(m string) string { return `{"model":` + m + `}` }
	seq := func(part, member, one string) string {
		return base(part, `{"type":"Sequence","`+member+`":[`+one+`]}`)
	}
	regex := func(expr string) string {
		return base("normalizer", `{"type":"Replace","pattern":{"Regex":"`+expr+`"},"content":"x"}`)
	}
	n := 40_000
	return map[string]string{
		"added tokens, empty":    base("added_tokens", "["+many("{}", n)+"]"),
		"added tokens, one":      base("added_tokens", "["+many(`{"id":%d,"content":"x"}`, n)+"]"),
		"added tokens":           base("added_tokens", "["+many(`{"id":%[1]d,"content":"%[1]d"}`, n)+"]"),
		"added tokens, special":  base("added_tokens", "["+many(`{"id":%[1]d,"content":"%[1]d","special":true}`, n)+"]"),
		"normalizers":            seq("normalizer", "normalizers", many(`{"type":"NFC"}`, n)),
		"normalizers, some":      seq("normalizer", "normalizers", many(`{"type":"NFC"}`, maxValues/2-2)),
		"normalizers, empty":     seq("normalizer", "normalizers", many(`{}`, maxValues/2-2)),
		"normalizers, nested":    base("normalizer", strings.Repeat(`{"type":"Sequence","normalizers":[`, 300)+strings.Repeat("]}", 300)),
		"pre-tokenizers":         seq("pre_tokenizer", "pretokenizers", many(`{"type":"Split","pattern":{"Regex":"a"},"behavior":"Isolated"}`, 150)),
		"decoders":               seq("decoder", "decoders", many(`{"type":"Fuse"}`, n)),
		"decoders, some":         seq("decoder", "decoders", many(`{"type":"Fuse"}`, maxValues/2-2)),
		"template":               base("post_processor", `{"type":"TemplateProcessing","single":[`+many(`{"Sequence":{"id":"A"}}`, 300)+`],"special_tokens":{}}`),
		"template, tokens":       base("post_processor", `{"type":"TemplateProcessing","single":[],"special_tokens":{`+many(`"%d":{}`, 400)+`}}`),
		"template, ids":          base("post_processor", `{"type":"TemplateProcessing","single":[],"special_tokens":{"a":{"ids":[`+many("1", 900)+`]}}}`),
		"expression, choices":    regex(strings.Repeat(`a|`, 4000) + "b"),
		"expression, words":      regex(strings.Repeat(`\\w`, 10)),
		"expression, more words": regex(strings.Repeat(`\\w`, 4000)),
		"expression, no words":   regex(strings.Repeat(`\\W`, 4000)),
		"expression, letters":    regex(strings.Repeat(`\\p{L}`, 1600)),
		"expression, groups":     regex(strings.Repeat(`(a)`, 2700)),
		"expression, repeated":   regex(`(?:a{1000}){1000}`),
		"vocabulary":             model(`{"type":"BPE","vocab":{` + many(`"%[1]d":%[1]d`, n) + `},"merges":[]}`),
		"vocabulary of words":    model(`{"type":"WordLevel","unk_token":"0","vocab":{` + many(`"%[1]d":%[1]d`, n) + `}}`),
		"vocabulary of pieces":   model(`{"type":"WordPiece","unk_token":"0","vocab":{` + many(`"%[1]d":%[1]d`, n) + `}}`),
		"merges":                 model(`{"type":"BPE","vocab":{"a":0,"aa":1},"merges":[` + many(`"a a"`, n) + `]}`),
		"merges, pairs":          model(`{"type":"BPE","vocab":{"a":0,"aa":1},"merges":[` + many(`["a","a"]`, n) + `]}`),
		"unigrams":               model(`{"type":"Unigram","unk_id":0,"vocab":[` + many(`["%d",0]`, n) + `]}`),
		"unigrams, empty":        model(`{"type":"Unigram","unk_id":0,"vocab":[` + many(`["",0]`, n) + `]}`),
		"something else":         `{"x":[` + many("{}", n) + `],"model":{"type":"BPE","vocab":{},"merges":[]}}`,
		"something of the model": model(`{"type":"BPE","vocab":{},"merges":[],` + many(`"%d":0`, n) + `}`),
	}
}

// What a file makes agar allocate is bounded by its size, whatever is packed in it.
func TestDenseFiles(t *testing.T) {
	for name, s := range dense() {
		var err error
		n := bounds.Parse(t, len(s), allowed(len(s)), func() { _, err = Parse([]byte(s)) })
		t.Logf("%-24s %7d bytes, %9d allocated, %5.1f times: %.80v", name, len(s), n, float64(n)/float64(len(s)), err)
	}
}

// In a BPE of SentencePiece every way to put a token together of two others is a
// merge; tokens that are all pieces of each other, or long, are refused.
func TestPiecesOfPieces(t *testing.T) {
	for n, want := range map[int]string{50: "", 1000: "ways to put 1001 tokens together", 3000: "found 1025 bytes"} {
		p := Pieces{Tokens: []string{"<unk>"}, Scores: make([]float32, n+1), Types: []PieceType{PieceUnknown}}
		size := 0
		for i := range n {
			p.Tokens, p.Types = append(p.Tokens, strings.Repeat("a", i+1)), append(p.Types, PieceNormal)
			size += i + 1 + 16
		}
		var err error
		bounds.Parse(t, size, constant, func() { _, err = FromPieces(p) })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d tokens: error %v, want %q", n, err, want)
		}
	}
}
