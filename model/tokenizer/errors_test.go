package tokenizer

import (
	"os"
	"strings"
	"testing"
)

// base is a small tokenizer.json with one part put in place of another.
func base(part, value string) string {
	f := map[string]string{
		"added_tokens": `[]`, "normalizer": `null`, "pre_tokenizer": `null`, "post_processor": `null`, "decoder": `null`,
		"model": `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`,
	}
	f[part] = value
	var b strings.Builder
	for k, v := range f {
		b.WriteString(`,"` + k + `":` + v)
	}
	return "{" + b.String()[1:] + "}"
}

// Every component that is not implemented, and every part that contradicts
// another, is an error that names the place.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ part, value, want string }{
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFX"}]}`, `normalizer.normalizers[1]: type "NFX" is not implemented; known are BertNormalizer, ByteLevel, `},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"!"}`, `normalizer.precompiled_charsmap`},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"AAAAQAAA"}`, `expected an array of 1073741824`},
		{"normalizer", `{"type":"Replace","content":"x"}`, `normalizer.pattern`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"("},"content":"x"}`, `normalizer.pattern`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"a|[^\\P{Word_-BreaK}b]"},"content":"x"}`, `\P{Word_-Brea`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"Regex":"[\\p{P}\\p{Sb}]+"},"behavior":"Isolated"}`, `\p{Sb}, a property that needs a value`},
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"Sequence","pretokenizers":[{"type":"Foo"}]}]}`, `pre_tokenizer.pretokenizers[0].pretokenizers[0]: type "Foo" is not implemented; known are BertPreTokenizer, `},
		{"pre_tokenizer", `{"type":"FixedLength","length":0}`, `pre_tokenizer.length`},
		{"pre_tokenizer", `{"type":"CharDelimiterSplit","delimiter":"ab"}`, `pre_tokenizer.delimiter`},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"ab"}`, `pre_tokenizer.replacement`},
		{"pre_tokenizer", `{"type":"Metaspace","add_prefix_space":false,"prepend_scheme":"always"}`, `contradicts`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":"a"},"behavior":"Sideways"}`, `"Sideways"`},
		{"pre_tokenizer", `{"type":"Metaspace","prepend_scheme":"maybe"}`, `"maybe"`},
		{"post_processor", `{"type":"BertProcessing"}`, `post_processor: expected sep and cls`},
		{"post_processor", `{"type":"BertProcessing","sep":["a",0],"cls":["b",9]}`, `token id 9`},
		{"post_processor", `{"type":"Sequence","processors":[{"type":"X"}]}`, `post_processor.processors[0]: type "X" is not implemented; known are BertProcessing, `},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}]}`, `"<s>" has no ids`},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B"}}]}`, `post_processor.single[0]`},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{"<s>":{"ids":[7]}}}`, `token id 7`},
		{"decoder", `{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"CTX"}]}`, `decoder.decoders[1]: type "CTX" is not implemented; known are BPEDecoder, `},
		{"model", `{"type":"Unigram","vocab":{}}`, `model.vocab: found none of the form that Unigram has`},
		{"model", `{"type":"BPE","vocab":[["a",-1]],"merges":[]}`, `model.vocab: found none of the form that BPE has`},
		{"model", `{"type":"Bigram","vocab":{}}`, `model: type "Bigram" is not implemented; known are BPE, Unigram, WordLevel, WordPiece`},
		{"model", `{"type":"Unigram","vocab":[["a",-1]],"unk_id":1}`, `model.unk_id: found 1`},
		{"model", `{"type":"Unigram","vocab":[["a",1e999]],"unk_id":0}`, `1e999`},
		{"model", `{"type":"WordPiece","vocab":{"a":0},"unk_token":"[UNK]","max_input_chars_per_word":9,"continuing_subword_prefix":"##"}`, `"[UNK]" is not in the vocabulary`},
		{"version", `"2.0"`, `version: found "2.0"`},
		{"model", `{"type":"WordLevel","vocab":{"a":0},"unk_token":"<unk>"}`, `"<unk>" is not in the vocabulary`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"<unk>"}`, `"<unk>" is not in the vocabulary`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}`, `model.dropout`},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}`, `model.merges[0]`},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":1},"merges":["ab"]}`, `merge 0`},
		{"model", `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b","c"]]}`, `merge 0`},

		{"model", `{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}`, `id 0 belongs to both "a" and "b"`},
		{"model", `{"type":"BPE","vocab":{"a":-1},"merges":[]}`, `id -1`},
		{"model", `{"type":"BPE","vocab":{"a":99999999},"merges":[]}`, `id 99999999`},
		{"model", `[1]`, `not a tokenizer.json`},
	} {
		_, err := Parse([]byte(base(c.part, c.value)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tokenizer: ") {
			t.Errorf("%s: error %v, want it to say %s", c.value, err, c.want)
		}
	}
	if _, err := Parse([]byte(base("decoder", "null"))); err != nil {
		t.Errorf("the base of the table: %v", err)
	}
}

// Added tokens that the model does not know are numbered on from its end.
func TestAddedTokenIDs(t *testing.T) {
	tok, err := Parse([]byte(base("added_tokens", `[{"id":9,"content":"<x>","special":true},{"id":0,"content":"ab"},{"id":12,"content":"<y>"},{"id":1,"content":""}]`)))
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, tok, "<x>ab<y>", false).IDs; !equal(got, []int32{3, 2, 4}) {
		t.Errorf("ids %v, want [3 2 4]", got)
	}
}

func mergesOf(t *testing.T, name string) (out [][2]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Model.eachMerge(func(_ int, a, b []byte) error {
		out = append(out, [2]string{string(a), string(b)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
