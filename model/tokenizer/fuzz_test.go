package tokenizer

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"agar/model/internal/bounds"
)

// checkEncoding holds what is true of every encoding: ids in the vocabulary,
// one offset an id, offsets inside the text and, apart from those of special
// tokens that were added, ascending.
func checkEncoding(t *testing.T, tok *Tokenizer, text string, e Encoding) {
	t.Helper()
	if len(e.IDs) != len(e.Offsets) {
		t.Fatalf("%d ids, %d offsets", len(e.IDs), len(e.Offsets))
	}
	for i, o := range e.Offsets {
		if !tok.has(e.IDs[i]) {
			t.Fatalf("id %d is not in the vocabulary", e.IDs[i])
		}
		if o[0] < 0 || o[1] < o[0] || o[1] > len(text) {
			t.Fatalf("offsets %v in a text of %d bytes", o, len(text))
		}
	}
	_ = tok.Decode(e.IDs, true)
	for _, id := range append(e.IDs, -1) {
		_ = tok.Piece(id)
		if s, ok := tok.Token(id); ok && !tok.IsSpecial(id) {
			if back, ok := tok.ID(s); ok && !tok.has(back) {
				t.Fatalf("token %q of id %d has id %d", s, id, back)
			}
		}
	}
	for _, id := range append(tok.Specials(), tok.Prefix()...) {
		if !tok.has(id) {
			t.Fatalf("id %d is not in the vocabulary", id)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "it's 12", "e\u0301\u0323 a", "<|im_end|>\n", "a  [RIGHT]  [LEFT] b", "\xff\xe2\x82", "[LONGER", "日本 😀"} {
		f.Add(s)
	}
	names := []string{"smollm", "llama3", "qwen2", "roberta", "llama2", "words"}
	var toks []*Tokenizer
	for _, name := range names {
		toks = append(toks, open(f, name))
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i, tok := range toks {
			e := encoded(t, tok, s, false)
			checkEncoding(t, tok, s, e)
			for k := 1; k < len(e.Offsets) && names[i] != "roberta"; k++ { // a trimmed prefix space lies behind the character it stands before
				if a, b := e.Offsets[k-1], e.Offsets[k]; b[0] < a[0] || b[1] < a[1] {
					t.Fatalf("offsets %v then %v", a, b)
				}
			}
			if i == 0 && utf8.ValidString(s) { // byte-level without a normalizer loses nothing
				if d := tok.Decode(e.IDs, false); d != s {
					t.Fatalf("%q decodes as %q", s, d)
				}
			}
		}
	})
}

// constant is what parsing the smallest of files may allocate: classes of
// characters, the tables of a byte-level vocabulary, a compiled pattern.
const constant = 1 << 20

// allowed is what a file of size bytes may allocate beyond 8 times its size: that,
// and what components and patterns take, which a file has few of.
func allowed(size int) uint64 { return constant + min(8<<20, 1500*uint64(size)) }

func FuzzParse(f *testing.F) {
	patternTime = 100 * time.Millisecond
	for _, name := range []string{"bert", "clip", "gpt1", "llama3", "qwen2", "roberta", "smollm", "words", "xlmr"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "It's 12 caf\u00e9s, Hello\u2581  <|endoftext|>\n\n 日本")
	}
	for _, part := range []string{"pre_tokenizer", "normalizer", "decoder"} {
		f.Add([]byte(wild(part)), strings.Repeat("a", 40)+"!")
	}
	for name, step := range doublers() {
		f.Add([]byte(base("normalizer", repeated(60, step))), name)
	}
	f.Add([]byte(base("decoder", strings.ReplaceAll(repeated(6, doublers()["replace"]), "normalizers", "decoders"))), "a")
	for part, values := range map[string][]string{
		"added_tokens": {`[{"id":3,"content":"<x>","special":true,"lstrip":true,"rstrip":true},{"id":4,"content":"e","normalized":true,"single_word":true}]`},
		"normalizer": {`{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Prepend","prepend":"_"}]}`, `{"type":"Replace","pattern":{"Regex":"\\s+|x*"},"content":"ab"}`, `{"type":"StripAccents"}`,
			`{"type":"BertNormalizer"}`, `{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"ByteLevel"}]}`, `{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAABhAA=="}`},
		"pre_tokenizer": {`{"type":"Split","pattern":{"String":""},"behavior":"MergedWithNext"}`, `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"Whitespace"},{"type":"ByteLevel","add_prefix_space":true}]}`, `{"type":"Metaspace","prepend_scheme":"first"}`,
			`{"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"},{"type":"FixedLength","length":2},{"type":"BertPreTokenizer"},{"type":"CharDelimiterSplit","delimiter":"a"}]}`, `{"type":"Split","pattern":{"Regex":"(?i:k)|[\\p{L}\\w]|\\P{N}$"},"behavior":"Contiguous"}`},
		"post_processor": {`{"type":"Sequence","processors":[{"type":"ByteLevel","trim_offsets":true,"add_prefix_space":true},{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"b"}},{"Sequence":{"id":"A"}}],"special_tokens":{"b":{"ids":[1]}}}]}`},
		"version":        {`"1.0"`},
		"decoder":        {`{"type":"Sequence","decoders":[{"type":"WordPiece"},{"type":"BPEDecoder"},{"type":"CTC"},{"type":"Metaspace"},{"type":"ByteLevel"}]}`, `{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"a"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":1}]}`},
		"model": {`{"type":"WordLevel","vocab":{"a":0,"?":1},"unk_token":"?"}`, `{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<0x20>":3},"merges":[["a","b"]],"unk_token":"a","fuse_unk":true,"byte_fallback":true,"ignore_merges":true,"end_of_word_suffix":"b"}`,
			`{"type":"Unigram","vocab":[["a",-1],["b",-2.5e0],["ab",-3],["<0x20>",0]],"unk_id":0,"byte_fallback":true}`, `{"type":"WordPiece","vocab":{"a":0,"##b":1,"?":2},"unk_token":"?","max_input_chars_per_word":5,"continuing_subword_prefix":"##"}`},
	} {
		for _, v := range values {
			f.Add([]byte(base(part, v)), "ab <x> e\u0301 12")
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		var tok *Tokenizer
		var err error
		bounds.Parse(t, len(b), allowed(len(b)), func() { tok, err = Parse(b) })
		if err != nil || len(text) > 1000 {
			return
		}
		bounds.Watch(func() {
			if e, err := tok.Encode(text, true); err == nil {
				checkEncoding(t, tok, text, e)
			} else if e.IDs != nil || err.Error() == "" {
				t.Fatalf("%d ids beside the error %q", len(e.IDs), err)
			}
		})
	})
}

func FuzzParseSentencePiece(f *testing.F) {
	for _, name := range []string{"llama", "gemma", "t5", "unigram"} {
		b, err := os.ReadFile("testdata/" + name + ".model")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "Hi  ab\u2581 <mask>, \n\n é\xff")
	}
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		var tok *Tokenizer
		var err error
		bounds.Parse(t, len(b), constant, func() { tok, err = ParseSentencePiece(b) })
		if err != nil || len(text) > 1000 {
			return
		}
		bounds.Watch(func() {
			if e, err := tok.Encode(text, true); err == nil {
				checkEncoding(t, tok, text, e)
			} else if e.IDs != nil || err.Error() == "" {
				t.Fatalf("%d ids beside the error %q", len(e.IDs), err)
			}
		})
	})
}

// FuzzNormalForms compares the forms that keep an alignment with those of
// package norm, whose runs of marks are cut after 30.
func FuzzNormalForms(f *testing.F) {
	for _, s := range []string{"e\u0301\u0323 a", "\u1112\u1161\u11ab \ud55c\u11a8", "\u0344\u0f73\u0f71", "ﬁ ① Å", "\u0958 \u0301 q\u0307\u0323", "\u09c7\u09be\u09d7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 40 || strings.ContainsFunc(s, afterUnicode9) {
			return
		}
		for name, form := range forms {
			x := aligned(form, s)
			if want := form.norm.String(s); x.s != want {
				t.Fatalf("%s of %+q: %+q, want %+q", name, s, x.s, want)
			}
			if len(x.align) != len(x.s) && x.align != nil {
				t.Fatalf("%s of %+q: %d bytes, %d spans", name, s, len(x.s), len(x.align))
			}
		}
	})
}

// afterUnicode9 accepts characters whose normalization Hugging Face's library
// does not know.
func afterUnicode9(r rune) bool {
	return inRanges(lateDecompositions, r) || unicode.Is(unicode.M, r) != isMark(r)
}

// aligned normalizes without the short cut for text that is normal already.
func aligned(f form, s string) text {
	cs := decompose(s, f.compat)
	if f.compose {
		cs = recompose(cs)
	}
	return newText(s).transform(cs)
}
