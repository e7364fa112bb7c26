package gguf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"agar/model/tokenizer"
)

// Token types of tokenizer.ggml.token_type that matter here.
const (
	tokenUnknown = 2
	tokenControl = 3
	tokenUser    = 4
)

// recipe is how a pre-tokenizer named by tokenizer.ggml.pre is made.
type recipe struct {
	splits       []string
	pattern      string
	digits       bool
	nfc          bool
	ignoreMerges bool
	bos          bool // where the file does not say
}

// recipes has the pre-tokenizers of files converted from Hugging Face models,
// as those models' tokenizer.json has them. Files without a name, or with
// "default", are taken for GPT-2's.
var recipes = map[string]recipe{
	"":                 {},
	"default":          {},
	"gpt-2":            {},
	"smollm":           {digits: true},
	"llama-bpe":        {pattern: tokenizer.PatternLlama3, ignoreMerges: true, bos: true},
	"llama3":           {pattern: tokenizer.PatternLlama3, ignoreMerges: true, bos: true},
	"llama-v3":         {pattern: tokenizer.PatternLlama3, ignoreMerges: true, bos: true},
	"qwen2":            {pattern: tokenizer.PatternQwen2, nfc: true},
	"deepseek-r1-qwen": {pattern: tokenizer.PatternQwen2, nfc: true, bos: true},
	"deepseek-v3":      {splits: tokenizer.SplitsDeepSeek, pattern: tokenizer.PatternDeepSeek, bos: true},
	"gpt-4o":           {pattern: tokenizer.PatternO200K, ignoreMerges: true},
	"olmo":             {},
	"phi-2":            {},
}

// Tokenizer rebuilds the tokenizer from the metadata: byte-level BPE
// (tokenizer.ggml.model "gpt2") with a pre-tokenizer that recipes has,
// SentencePiece ("llama" and "t5") and WordPiece ("bert"). Control tokens are
// special; user-defined ones are found in the text too.
func (f *File) Tokenizer() (*tokenizer.Tokenizer, error) {
	model, err := f.String(vocabPrefix + "model")
	if err != nil {
		return nil, err
	}
	var t *tokenizer.Tokenizer
	switch model {
	case "gpt2":
		p, err := f.parts()
		if err != nil {
			return nil, err
		}
		t, err = tokenizer.FromParts(p)
		return t, f.wrap(err)
	case "llama", "t5", "bert":
		v, err := f.Vocabulary()
		if err != nil {
			return nil, err
		}
		if model == "bert" {
			t, err = f.wordTokenizer(v)
		} else {
			t, err = f.pieceTokenizer(v)
		}
		return t, f.wrap(err)
	}
	return nil, fmt.Errorf("gguf: %s: metadata \"tokenizer.ggml.model\": found %q, expected gpt2, llama, t5 or bert", f.path, model)
}

// wrap names the file in an error.
func (f *File) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("gguf: %s: %w", f.path, err)
}

func (f *File) parts() (p tokenizer.Parts, err error) {
	pre := ""
	if f.Has("tokenizer.ggml.pre") {
		if pre, err = f.String("tokenizer.ggml.pre"); err != nil {
			return p, err
		}
	}
	r, ok := recipes[pre]
	if !ok {
		return p, fmt.Errorf("gguf: %s: metadata \"tokenizer.ggml.pre\": found %q, expected one of %s", f.path, pre, strings.Join(slices.Sorted(maps.Keys(recipes)), " "))
	}
	p.Splits, p.Pattern, p.Digits, p.NFC, p.IgnoreMerges = r.splits, r.pattern, r.digits, r.nfc, r.ignoreMerges
	if p.Tokens, err = f.Strings("tokenizer.ggml.tokens"); err != nil {
		return p, err
	}
	if p.Merges, err = f.Strings("tokenizer.ggml.merges"); err != nil {
		return p, err
	}
	if err := f.tokenTypes(&p); err != nil {
		return p, err
	}
	if p.Prefix, err = f.edge("bos", r.bos, len(p.Tokens)); err != nil {
		return p, err
	}
	p.Suffix, err = f.edge("eos", false, len(p.Tokens))
	return p, err
}

// tokenTypes lists control and user-defined tokens.
func (f *File) tokenTypes(p *tokenizer.Parts) error {
	if !f.Has("tokenizer.ggml.token_type") {
		return nil
	}
	types, err := f.Ints("tokenizer.ggml.token_type")
	if err != nil {
		return err
	}
	if len(types) != len(p.Tokens) {
		return fmt.Errorf("gguf: %s: metadata \"tokenizer.ggml.token_type\": found %d, expected one for each of %d tokens", f.path, len(types), len(p.Tokens))
	}
	for id, t := range types {
		switch t {
		case tokenControl:
			p.Control = append(p.Control, int32(id))
		case tokenUser:
			p.User = append(p.User, int32(id))
		}
	}
	return nil
}

// edge is the token put at the start (bos) or end (eos) of texts, if the file
// asks for it.
func (f *File) edge(name string, def bool, size int) ([]int32, error) {
	add, idKey := "tokenizer.ggml.add_"+name+"_token", "tokenizer.ggml."+name+"_token_id"
	if f.Has(add) {
		v, err := f.Bool(add)
		if err != nil {
			return nil, err
		}
		def = v
	}
	if !def {
		return nil, nil
	}
	id, err := f.Uint(idKey)
	if err != nil {
		return nil, err
	}
	if id >= uint64(size) {
		return nil, fmt.Errorf("gguf: %s: metadata %q: found %d, expected less than the %d tokens", f.path, idKey, id, size)
	}
	return []int32{int32(id)}, nil
}

// ChatTemplate is the Jinja source of the chat template, if the file has one.
func (f *File) ChatTemplate() (string, bool) {
	s, err := f.String("tokenizer.chat_template")
	return s, err == nil && s != ""
}
