package gguf

import (
	"fmt"

	"agar/model/tokenizer"
)

// Token types of tokenizer.ggml.token_type that matter here.
const (
	tokenControl = 3
	tokenUser    = 4
)

// recipe is how a pre-tokenizer named by tokenizer.ggml.pre is made.
type recipe struct {
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
}

// Tokenizer rebuilds the tokenizer from the metadata: byte-level BPE
// (tokenizer.ggml.model "gpt2") with the pre-tokenizers smollm, gpt-2,
// llama-bpe and qwen2. Control tokens are special; user-defined ones are found
// in the text too.
func (f *File) Tokenizer() (*tokenizer.Tokenizer, error) {
	p, err := f.parts()
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.FromParts(p)
	if err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", f.path, err)
	}
	return t, nil
}

func (f *File) parts() (p tokenizer.Parts, err error) {
	model, err := f.String("tokenizer.ggml.model")
	if err != nil {
		return p, err
	}
	if model != "gpt2" {
		return p, fmt.Errorf("gguf: %s: metadata \"tokenizer.ggml.model\": found %q, expected \"gpt2\" (byte-level BPE)", f.path, model)
	}
	pre := ""
	if f.Has("tokenizer.ggml.pre") {
		if pre, err = f.String("tokenizer.ggml.pre"); err != nil {
			return p, err
		}
	}
	r, ok := recipes[pre]
	if !ok {
		return p, fmt.Errorf("gguf: %s: metadata \"tokenizer.ggml.pre\": found %q, expected smollm, gpt-2, llama-bpe or qwen2", f.path, pre)
	}
	p.Pattern, p.Digits, p.NFC, p.IgnoreMerges = r.pattern, r.digits, r.nfc, r.ignoreMerges
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
