package tokenizer

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// PieceType says what a token of a SentencePiece vocabulary is. The numbers
// are those of the format, and of tokenizer.ggml.token_type in GGUF files.
type PieceType int32

// The types of tokens. Unused ones count as normal.
const (
	PieceNormal  PieceType = 1
	PieceUnknown PieceType = 2
	PieceControl PieceType = 3 // found in texts as special tokens
	PieceUser    PieceType = 4 // found in texts, not special
	PieceUnused  PieceType = 5
	PieceByte    PieceType = 6 // <0x00> to <0xFF>
)

// Pieces describes a SentencePiece vocabulary, as a tokenizer.model file or the
// metadata of a GGUF file have it.
type Pieces struct {
	Tokens  []string // by id
	Scores  []float32
	Types   []PieceType
	Unigram bool // else byte-pair encoding, where scores rank the merges

	Charsmap    []byte // precompiled normalizer; empty: none
	DummyPrefix bool   // texts begin with a mark for a space
	FoldSpaces  bool   // spaces at the ends go, several are one
	Prefix      []int32
	Suffix      []int32
}

// ParseSentencePiece reads the contents of a tokenizer.model. What makes ids
// of a text is what Hugging Face's conversion of such files makes: special
// tokens are found in texts, and every stretch between them begins anew.
// Nothing is put around texts.
func ParseSentencePiece(data []byte) (*Tokenizer, error) {
	p := Pieces{DummyPrefix: true, FoldSpaces: true}
	n := 0
	err := eachField(data, func(f protoField) error {
		if f.number == 1 {
			n++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tokenizer: not a SentencePiece model: %w", err)
	}
	p.Tokens, p.Scores, p.Types = make([]string, 0, n), make([]float32, 0, n), make([]PieceType, 0, n)
	err = eachField(data, func(f protoField) error {
		switch f.number {
		case 1:
			return p.readPiece(f.data)
		case 2:
			return p.readTrainer(f.data)
		case 3:
			return p.readNormalizer(f.data)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tokenizer: not a SentencePiece model: %w", err)
	}
	t, err := FromPieces(p)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	t.sha = hex.EncodeToString(sum[:])
	return t, nil
}

// readPiece reads a ModelProto.SentencePiece.
func (p *Pieces) readPiece(msg []byte) error {
	token, score, kind := "", float32(0), PieceNormal
	err := eachField(msg, func(f protoField) error {
		switch f.number {
		case 1:
			token = string(f.data)
		case 2:
			score = f.float()
		case 3:
			kind = PieceType(f.value)
		}
		return nil
	})
	p.Tokens, p.Scores, p.Types = append(p.Tokens, token), append(p.Scores, score), append(p.Types, kind)
	return err
}

// readTrainer reads a TrainerSpec.
func (p *Pieces) readTrainer(msg []byte) error {
	p.Unigram = true // the default of the format
	return eachField(msg, func(f protoField) error {
		switch {
		case f.number == 3 && f.value > 2:
			return fmt.Errorf("trainer_spec.model_type: found %d, expected 1 (unigram) or 2 (BPE)", f.value)
		case f.number == 3:
			p.Unigram = f.value == 1
		case f.number == 24 && f.flag():
			return fmt.Errorf("trainer_spec.treat_whitespace_as_suffix is not implemented")
		}
		return nil
	})
}

// readNormalizer reads a NormalizerSpec.
func (p *Pieces) readNormalizer(msg []byte) error {
	return eachField(msg, func(f protoField) error {
		switch f.number {
		case 2:
			p.Charsmap = f.data
		case 3:
			p.DummyPrefix = f.flag()
		case 4:
			p.FoldSpaces = f.flag()
		case 5:
			if !f.flag() {
				return fmt.Errorf("normalizer_spec.escape_whitespaces false is not implemented")
			}
		}
		return nil
	})
}

// FromPieces makes a tokenizer of p, whose lists must not be changed afterwards.
func FromPieces(p Pieces) (*Tokenizer, error) {
	if len(p.Scores) != len(p.Tokens) || len(p.Types) != len(p.Tokens) {
		return nil, fmt.Errorf("tokenizer: found %d scores and %d types, expected one for each of %d tokens", len(p.Scores), len(p.Types), len(p.Tokens))
	}
	f := &file{}
	if err := p.addModel(f); err != nil {
		return nil, err
	}
	added := func(kind PieceType) bool {
		return kind == PieceControl || kind == PieceUnknown || kind == PieceUser && !p.Unigram
	}
	n := 0
	for _, kind := range p.Types {
		if added(kind) {
			n++
		}
	}
	f.AddedTokens = make([]addedToken, 0, n)
	for id, kind := range p.Types {
		if added(kind) {
			f.AddedTokens = append(f.AddedTokens, addedToken{Content: p.Tokens[id], Special: kind != PieceUser, Normalized: p.marked(id)})
		}
	}
	p.addComponents(f)
	return f.build()
}

// marked says that token id is looked for where spaces have become marks.
func (p *Pieces) marked(id int) bool {
	return p.Types[id] == PieceUser && !p.DummyPrefix && strings.Contains(p.Tokens[id], spaceMark)
}

// addModel fills in the vocabulary. Control, unknown and byte tokens take no
// part in cutting texts.
func (p *Pieces) addModel(f *file) error {
	yes, unk := true, slices.Index(p.Types, PieceUnknown)
	if unk < 0 {
		return fmt.Errorf("tokenizer: found no token of type %d (unknown) among %d", PieceUnknown, len(p.Tokens))
	}
	id, bytes := int32(unk), slices.Contains(p.Types, PieceByte)
	m := &f.Model
	m.UnkToken, m.UnkID, m.FuseUnk, m.ByteFallback = &p.Tokens[unk], &id, &yes, &bytes
	if err := m.number(p.Tokens); err != nil {
		return err
	}
	for id, s := range p.Tokens {
		if !utf8.ValidString(s) {
			return fmt.Errorf("tokenizer: token %d: found %q, which is no UTF-8", id, s)
		}
	}
	if !p.Unigram {
		m.Type = "BPE"
		return p.addMerges(m)
	}
	m.Type, m.single, m.scores = "Unigram", true, &scores{len(p.Tokens), p.eachScore}
	return nil
}

// eachScore calls f with every token of a unigram model.
func (p *Pieces) eachScore(f func(id int32, t scoredToken)) {
	for id, s := range p.Tokens {
		t := scoredToken{s, float64(p.Scores[id]), plainToken}
		switch {
		case !p.cuts(id):
			t.kind = hiddenToken
		case p.Types[id] == PieceUser:
			t.kind = userToken
		}
		f(int32(id), t)
	}
}

// cuts says that texts may be cut into token id.
func (p *Pieces) cuts(id int) bool {
	t := p.Types[id]
	return t != PieceControl && t != PieceUnknown && t != PieceByte
}

// maxPiece is how many bytes a token may have that is put together of others; known
// ones have some tens. The time to find out of which grows with the square of it.
const maxPiece = 1024

// addMerges makes a merge of every way to put a token together of two others,
// the best score first and of equal scores the first token.
func (p *Pieces) addMerges(m *modelFile) error {
	order := make([]int32, 0, len(p.Tokens))
	for id := range p.Tokens {
		if n := len(p.Tokens[id]); p.cuts(id) && n > maxPiece {
			return fmt.Errorf("tokenizer: token %d: found %d bytes, expected at most %d", id, n, maxPiece)
		} else if p.cuts(id) && n > 1 {
			order = append(order, int32(id))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(p.Scores[b], p.Scores[a]) })
	m.merges = func(f func(a, b string) error) error { return p.eachMerge(m, order, f) }
	return m.merges(func(_, _ string) error {
		if m.mergeCount++; m.mergeCount > 8*len(p.Tokens)+4096 {
			return fmt.Errorf("tokenizer: found more than %d ways to put %d tokens together of two others, expected about 2 for each", m.mergeCount-1, len(p.Tokens))
		}
		return nil
	})
}

// eachMerge calls f with both parts of tokens in an order.
func (p *Pieces) eachMerge(m *modelFile, order []int32, f func(a, b string) error) error {
	for _, id := range order {
		s := p.Tokens[id]
		for i := 1; i < len(s); i++ {
			if utf8.RuneStart(s[i]) && p.known(m, s[:i]) && p.known(m, s[i:]) {
				if err := f(s[:i], s[i:]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *Pieces) known(m *modelFile, s string) bool {
	id, ok := m.vocab.get(s)
	return ok && p.cuts(int(id))
}

// addComponents writes the pipeline of p as a tokenizer.json would.
func (p *Pieces) addComponents(f *file) {
	str := func(s string) *patternFile { return &patternFile{String: &s} }
	regex := func(s string) *patternFile { return &patternFile{Regex: &s} }
	var ns []component
	if len(p.Charsmap) > 0 {
		s := base64.StdEncoding.EncodeToString(p.Charsmap)
		ns = append(ns, component{Type: "Precompiled", Charsmap: &s, Longest: true})
	}
	if p.FoldSpaces {
		ns = append(ns, component{Type: "Replace", Pattern: regex(`\A +`)}, component{Type: "Replace", Pattern: regex(` {2,}`), Content: " "})
	}
	if p.DummyPrefix {
		ns = append(ns, component{Type: "Prepend", Prepend: spaceMark})
	}
	ns = append(ns, component{Type: "Replace", Pattern: str(" "), Content: spaceMark})
	if p.FoldSpaces {
		ns = append(ns, component{Type: "Replace", Pattern: regex(spaceMark + `+\z`)})
	}
	f.Normalizer = &component{Type: "Sequence", Normalizers: ns}
	ds := []component{{Type: "Replace", Pattern: str(spaceMark), Content: " "}, {Type: "ByteFallback"}, {Type: "Fuse"}}
	switch {
	case p.FoldSpaces:
		ds = append(ds, component{Type: "Strip", Content: " ", Start: math.MaxInt32})
	case p.DummyPrefix:
		ds = append(ds, component{Type: "Strip", Content: " ", Start: 1})
	}
	f.Decoder = &component{Type: "Sequence", Decoders: ds}
	if len(p.Prefix)+len(p.Suffix) > 0 {
		f.PostProcessor = around(p.Prefix, p.Suffix)
	}
}
