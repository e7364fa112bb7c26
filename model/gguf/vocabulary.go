package gguf

// Vocabulary is what a file says about its tokens, as it says it: the keys that
// begin with tokenizer.ggml. Lists that the file does not have are nil, and so are
// truth values.
type Vocabulary struct {
	Model  string // "gpt2" (byte-level BPE), "llama" (SentencePiece BPE), "t5" (Unigram), "bert" (WordPiece), …
	Pre    string // the name of the pre-tokenizer; "" when the file has none
	Tokens []string
	Scores []float64
	Types  []int64 // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte
	Merges []string

	BOS, EOS, EOT, EOM, Unknown, Separator, Padding, Class, Mask int64 // ids; −1: none

	AddBOS, AddEOS, AddSeparator          *bool
	AddSpacePrefix, RemoveExtraWhitespace *bool
	Charsmap                              []byte // SentencePiece's precompiled normaliser
}

// Vocabulary reads the keys that a file has. It is an error when there are no
// tokens, or a key has another type than llama.cpp gives it.
func (f *File) Vocabulary() (*Vocabulary, error) {
	v, r := &Vocabulary{}, vocabReader{f: f}
	v.Model, v.Pre = r.text("model"), r.text("pre")
	v.Scores = optional(&r, "scores", f.Floats)
	v.Types = optional(&r, "token_type", f.Ints)
	v.Merges = optional(&r, "merges", f.Strings)
	v.Charsmap = optional(&r, "precompiled_charsmap", f.Bytes)
	for key, id := range map[string]*int64{"bos": &v.BOS, "eos": &v.EOS, "eot": &v.EOT, "eom": &v.EOM, "unknown": &v.Unknown,
		"seperator": &v.Separator, "padding": &v.Padding, "cls": &v.Class, "mask": &v.Mask} { // llama.cpp spells it so
		*id = r.id(key + "_token_id")
	}
	for key, flag := range map[string]**bool{"add_bos_token": &v.AddBOS, "add_eos_token": &v.AddEOS, "add_sep_token": &v.AddSeparator,
		"add_space_prefix": &v.AddSpacePrefix, "remove_extra_whitespaces": &v.RemoveExtraWhitespace} {
		*flag = r.flag(key)
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	v.Tokens, err = f.Strings(vocabPrefix + "tokens")
	return v, err
}

const vocabPrefix = "tokenizer.ggml."

// vocabReader reads optional keys and keeps the first error.
type vocabReader struct {
	f   *File
	err error
}

// optional reads a key by get, when the file has it.
func optional[T any](r *vocabReader, key string, get func(string) (T, error)) (v T) {
	if key = vocabPrefix + key; !r.f.Has(key) {
		return v
	}
	v, err := get(key)
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

func (r *vocabReader) text(key string) string { return optional(r, key, r.f.String) }

func (r *vocabReader) id(key string) int64 {
	if !r.f.Has(vocabPrefix + key) {
		return -1
	}
	return optional(r, key, r.f.Int)
}

func (r *vocabReader) flag(key string) *bool {
	if !r.f.Has(vocabPrefix + key) {
		return nil
	}
	b := optional(r, key, r.f.Bool)
	return &b
}
