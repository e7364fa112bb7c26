package tokenizer

import "fmt"

// Words describes a WordPiece vocabulary for texts in lower case, such as
// BERT's, that comes from somewhere else than a tokenizer.json.
type Words struct {
	Tokens  []string // by id, with ## before those inside a word
	Control []int32  // ids of special tokens
	Unknown int32
	Prefix  []int32 // put before every text, such as [CLS]
	Suffix  []int32
}

// FromWords makes a tokenizer of w, whose lists must not be changed afterwards.
func FromWords(w Words) (*Tokenizer, error) {
	if w.Unknown < 0 || int(w.Unknown) >= len(w.Tokens) {
		return nil, fmt.Errorf("tokenizer: unknown token %d lies outside the vocabulary of %d", w.Unknown, len(w.Tokens))
	}
	f := &file{Model: modelFile{Type: "WordPiece", UnkToken: &w.Tokens[w.Unknown]}}
	if err := f.Model.number(w.Tokens); err != nil {
		return nil, err
	}
	p := Parts{Tokens: w.Tokens, Control: w.Control}
	if err := p.addTokens(f); err != nil {
		return nil, err
	}
	f.Normalizer, f.PreTokenizer, f.Decoder = &component{Type: "BertNormalizer"}, &component{Type: "BertPreTokenizer"}, &component{Type: "WordPiece"}
	if len(w.Prefix)+len(w.Suffix) > 0 {
		f.PostProcessor = around(w.Prefix, w.Suffix)
	}
	return f.build()
}
