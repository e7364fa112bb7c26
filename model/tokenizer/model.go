package tokenizer

import (
	"fmt"
	"strings"
)

// build makes the model for t, whose vocabulary is set.
func (f *modelFile) build(t *Tokenizer) (model, error) {
	switch {
	case f.Type == "WordLevel":
		return f.wordLevel()
	case f.Type == "BPE", f.Type == "" && f.Merges != nil:
		return f.bpe(t)
	}
	return nil, unknown("model", f.Type)
}

func (f *modelFile) wordLevel() (model, error) {
	unk, ok := f.Vocab[text0(f.UnkToken)]
	if !ok {
		return nil, fmt.Errorf("tokenizer: model.unk_token: %q is not in the vocabulary", text0(f.UnkToken))
	}
	return &wordLevel{vocab: f.Vocab, unk: unk}, nil
}

func (f *modelFile) bpe(t *Tokenizer) (model, error) {
	if f.Dropout != nil && *f.Dropout != 0 {
		return nil, fmt.Errorf("tokenizer: model.dropout: found %g, expected none: tokens would be random", *f.Dropout)
	}
	m := &bpe{
		vocab: f.Vocab, cache: newCache(), unk: -1, fuseUnk: f.FuseUnk, byteFallback: f.ByteFallback,
		ignoreMerges: f.IgnoreMerges, prefix: text0(f.Prefix), suffix: text0(f.Suffix),
	}
	if f.UnkToken != nil {
		if id, ok := f.Vocab[*f.UnkToken]; ok {
			m.unk = id
		}
	}
	if err := f.setMerges(m); err != nil {
		return nil, err
	}
	if all := m.setBytes(t.pre); f.UnkToken != nil && m.unk < 0 && !all {
		return nil, fmt.Errorf("tokenizer: model.unk_token: %q is not in the vocabulary", *f.UnkToken)
	}
	return m, nil
}

// setMerges builds the merge table.
func (f *modelFile) setMerges(m *bpe) error {
	m.merges = newMergeTable(len(f.Merges))
	for rank, p := range f.Merges {
		a, okA := f.Vocab[p[0]]
		b, okB := f.Vocab[p[1]]
		c, okC := f.Vocab[p[0]+strings.TrimPrefix(p[1], m.prefix)]
		if !okA || !okB || !okC {
			return fmt.Errorf("tokenizer: model.merges[%d]: %q + %q or their union is not in the vocabulary", rank, p[0], p[1])
		}
		m.merges.set(a, b, rank, c)
	}
	return nil
}

// setBytes fills the tables of bytes, and takes the mapping to the byte-level
// alphabet over from the last pre-tokenizer. It says whether every byte has a
// token then, so that no character is unknown.
func (m *bpe) setBytes(pre []preTokenizer) (all bool) {
	known := new([256]bool)
	all = true
	for b := range 256 {
		m.byteIDs[b], known[b] = m.vocab[string(byteRune(byte(b)))]
		all = all && known[b]
		m.fallback[b] = -1
		if id, ok := m.vocab[fmt.Sprintf("<0x%02X>", b)]; ok {
			m.fallback[b] = id
		}
	}
	if len(pre) == 0 || m.prefix != "" || m.suffix != "" {
		return false
	}
	last, ok := pre[len(pre)-1].(*byteLevel)
	if !ok {
		return false
	}
	last.known, m.raw = known, true
	if m.ignoreMerges {
		m.rawVocab = make(map[string]int32, len(m.vocab))
		for s, id := range m.vocab {
			if raw, ok := fromByteLevel(s); ok {
				m.rawVocab[string(raw)] = id
			}
		}
	}
	return all
}
