package tokenizer

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// modelTypes are the known models.
var modelTypes = []string{"BPE", "Unigram", "WordLevel", "WordPiece"}

// kind is the type of the model; files of old do not say it.
func (f *modelFile) kind() string {
	switch {
	case f.Type != "":
		return f.Type
	case f.raw != nil || f.merges != nil:
		return "BPE"
	case f.MaxChars != nil && f.Prefix != nil:
		return "WordPiece"
	case f.scores != nil:
		return "Unigram"
	case f.UnkToken != nil:
		return "WordLevel"
	}
	return ""
}

// build makes the model for t, whose vocabulary is set.
func (f *modelFile) build(t *Tokenizer) (model, error) {
	kind := f.kind()
	if slices.Contains(modelTypes, kind) && (kind == "Unigram") != (f.scores != nil) {
		return nil, fmt.Errorf("tokenizer: model.vocab: found none of the form that %s has", kind)
	}
	switch kind {
	case "WordLevel":
		unk, err := f.unk()
		return &wordLevel{vocab: f.vocab, unk: unk}, err
	case "WordPiece":
		return f.wordPiece()
	case "Unigram":
		return newUnigram(f)
	case "BPE":
		return f.bpe(t)
	}
	return nil, unknown("model", f.Type, modelTypes...)
}

// unk is the id of the unknown token, which must be there.
func (f *modelFile) unk() (int32, error) {
	id, ok := f.vocab.get(text0(f.UnkToken))
	if !ok {
		return 0, fmt.Errorf("tokenizer: model.unk_token: %q is not in the vocabulary", text0(f.UnkToken))
	}
	return id, nil
}

func (f *modelFile) wordPiece() (model, error) {
	unk, err := f.unk()
	if err != nil {
		return nil, err
	}
	most := 100
	if f.MaxChars != nil {
		most = *f.MaxChars
	}
	return newWordPiece(f.vocab, textOr(f.Prefix, "##"), unk, most), nil
}

func (f *modelFile) bpe(t *Tokenizer) (model, error) {
	if f.Dropout != nil && *f.Dropout != 0 {
		return nil, fmt.Errorf("tokenizer: model.dropout: found %g, expected none: tokens would be random", *f.Dropout)
	}
	m := &bpe{
		vocab: f.vocab, cache: newCache(), unk: -1, fuseUnk: yes(f.FuseUnk, false), byteFallback: yes(f.ByteFallback, false),
		ignoreMerges: yes(f.IgnoreMerges, false), prefix: text0(f.Prefix), suffix: text0(f.Suffix),
	}
	if f.UnkToken != nil {
		if id, ok := f.vocab.get(*f.UnkToken); ok {
			m.unk = id
		}
	}
	if err := f.setMerges(m); err != nil {
		return nil, err
	}
	if all := m.setBytes(t.pre); f.UnkToken != nil && m.unk < 0 && !all {
		return nil, fmt.Errorf("tokenizer: model.unk_token: %q is not in the vocabulary", *f.UnkToken)
	}
	m.setCuts()
	return m, nil
}

// setMerges builds the merge table.
func (f *modelFile) setMerges(m *bpe) error {
	m.merges = newMergeTable(f.countMerges())
	var union []byte
	prefix := []byte(m.prefix)
	return f.eachMerge(func(rank int, a, b []byte) error {
		left, okA := f.vocab.getBytes(a)
		right, okB := f.vocab.getBytes(b)
		union = append(append(union[:0], a...), bytes.TrimPrefix(b, prefix)...)
		id, okC := f.vocab.getBytes(union)
		if !okA || !okB || !okC {
			return fmt.Errorf("tokenizer: model.merges[%d]: %q + %q or their union is not in the vocabulary", rank, a, b)
		}
		if rank >= math.MaxInt32 {
			return fmt.Errorf("tokenizer: model.merges: found more than %d", math.MaxInt32)
		}
		m.merges.set(left, right, rank, id)
		m.cuts.add(a, b)
		return nil
	})
}

// byteName is how byte fallback writes a byte.
func byteName(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

// setBytes fills the tables of bytes, and takes the mapping to the byte-level
// alphabet over from the last pre-tokenizer. It says whether every byte has a
// token then, so that no character is unknown.
func (m *bpe) setBytes(pre []preTokenizer) (all bool) {
	known := new([256]bool)
	all = true
	for b := range 256 {
		m.byteIDs[b], known[b] = m.vocab.get(string(byteRune(byte(b))))
		all = all && known[b]
	}
	m.fallback = *byteIDs(m.vocab.get)
	if len(pre) == 0 || m.prefix != "" || m.suffix != "" {
		return false
	}
	last, ok := pre[len(pre)-1].(*byteLevel)
	if !ok {
		return false
	}
	last.known, m.raw = known, true
	if m.ignoreMerges {
		m.rawVocab = newVocabulary(m.vocab.len())
		for s, id := range m.vocab.all() {
			if raw, ok := fromByteLevel(s); ok {
				m.rawVocab.set(string(raw), id)
			}
		}
	}
	return all
}
