package gguf

import (
	"fmt"
	"strings"

	"agar/model/tokenizer"
)

// pieceTokenizer makes a SentencePiece vocabulary (tokenizer.ggml.model "llama"
// or "t5") a tokenizer. Where the file does not say, texts begin with a mark
// for a space; what is put around them is llama.cpp's: BOS for "llama", EOS for
// "t5".
func (f *File) pieceTokenizer(v *Vocabulary) (*tokenizer.Tokenizer, error) {
	p := tokenizer.Pieces{
		Tokens: v.Tokens, Unigram: v.Model == "t5", Charsmap: v.Charsmap,
		DummyPrefix: or(v.AddSpacePrefix, true), FoldSpaces: or(v.RemoveExtraWhitespace, false),
		Scores: make([]float32, len(v.Scores)), Types: make([]tokenizer.PieceType, len(v.Types)),
	}
	for i, s := range v.Scores {
		p.Scores[i] = float32(s)
	}
	for i, t := range v.Types {
		p.Types[i] = tokenizer.PieceType(t)
	}
	var err error
	if p.Prefix, err = f.edge("bos", !p.Unigram, len(p.Tokens)); err != nil {
		return nil, err
	}
	if p.Suffix, err = f.edge("eos", p.Unigram, len(p.Tokens)); err != nil {
		return nil, err
	}
	return tokenizer.FromPieces(p)
}

// phantom is how llama.cpp writes tokens that begin a word; those inside one
// have lost their ##.
const phantom = "▁"

// wordTokenizer makes a WordPiece vocabulary (tokenizer.ggml.model "bert") a
// tokenizer: texts in lower case without accents, between [CLS] and [SEP].
func (f *File) wordTokenizer(v *Vocabulary) (*tokenizer.Tokenizer, error) {
	if len(v.Types) != len(v.Tokens) {
		return nil, fmt.Errorf("metadata \"tokenizer.ggml.token_type\": found %d, expected one for each of %d tokens", len(v.Types), len(v.Tokens))
	}
	w := tokenizer.Words{Tokens: make([]string, len(v.Tokens))}
	for id, s := range v.Tokens {
		if v.Types[id] == tokenControl || v.Types[id] == tokenUnknown {
			w.Tokens[id], w.Control = s, append(w.Control, int32(id))
		} else if word, ok := strings.CutPrefix(s, phantom); ok {
			w.Tokens[id] = word
		} else {
			w.Tokens[id] = "##" + s
		}
	}
	cls := v.Class
	if cls < 0 {
		cls = v.BOS // what newer converters write
	}
	for _, to := range []struct {
		key string
		id  int64
		put *[]int32
	}{{"unknown", v.Unknown, nil}, {"cls", cls, &w.Prefix}, {"seperator", v.Separator, &w.Suffix}} {
		if to.id < 0 || to.id >= int64(len(v.Tokens)) {
			return nil, fmt.Errorf("metadata \"tokenizer.ggml.%s_token_id\": found %d, expected less than the %d tokens", to.key, to.id, len(v.Tokens))
		}
		if to.put != nil {
			*to.put = []int32{int32(to.id)}
		}
	}
	w.Unknown = int32(v.Unknown)
	return tokenizer.FromWords(w)
}

func or(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}
