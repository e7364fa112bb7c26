package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// Parts describes a byte-level BPE tokenizer that comes from somewhere else
// than a tokenizer.json, such as the metadata of a GGUF file.
type Parts struct {
	Tokens       []string // by id, in the byte-level alphabet
	Merges       []string // "left right", best first
	Control      []int32  // ids of special tokens
	User         []int32  // ids of tokens matched in the text that are not special
	Splits       []string // patterns that split a text first, one after the other
	Pattern      string   // what splits a text into words; empty: GPT-2's
	Digits       bool     // every digit is a word of its own
	NFC          bool     // texts are brought to NFC first
	IgnoreMerges bool     // a word in the vocabulary is one token whatever its merges
	Prefix       []int32  // put before every text, such as BOS
	Suffix       []int32  // put after every text
}

// Patterns of well-known families, for Parts.Pattern.
const (
	PatternGPT2   = gpt2Pattern
	PatternLlama3 = llama3Pattern
	PatternQwen2  = qwen2Pattern
	PatternO200K  = o200kPattern

	PatternDeepSeek = deepSeekPattern // behind SplitsDeepSeek
)

// SplitsDeepSeek go before PatternDeepSeek.
var SplitsDeepSeek = []string{threeDigits, deepSeekCJK}

// FromParts makes a tokenizer of p, whose lists must not be changed afterwards.
func FromParts(p Parts) (*Tokenizer, error) {
	f := file{Model: modelFile{Type: "BPE", IgnoreMerges: &p.IgnoreMerges, merges: p.eachMerge, mergeCount: len(p.Merges)}}
	if err := f.Model.number(p.Tokens); err != nil {
		return nil, err
	}
	if err := p.addTokens(&f); err != nil {
		return nil, err
	}
	p.addComponents(&f)
	return f.build()
}

// eachMerge calls f with both sides of every merge.
func (p *Parts) eachMerge(f func(a, b string) error) error {
	for i, l := range p.Merges {
		m, err := splitMerge(l)
		if err != nil {
			return fmt.Errorf("tokenizer: merge %d: %w", i, err)
		}
		if err := f(m[0], m[1]); err != nil {
			return err
		}
	}
	return nil
}

// addTokens lists the added tokens of p.
func (p *Parts) addTokens(f *file) error {
	for i, id := range slices.Concat(p.Control, p.User) {
		if id < 0 || int(id) >= len(p.Tokens) {
			return fmt.Errorf("tokenizer: added token %d lies outside the vocabulary of %d", id, len(p.Tokens))
		}
		f.AddedTokens = append(f.AddedTokens, addedToken{ID: id, Content: p.Tokens[id], Special: i < len(p.Control)})
	}
	return nil
}

// addComponents writes the pipeline of p as a file would.
func (p *Parts) addComponents(f *file) {
	no := false
	if p.NFC {
		f.Normalizer = &component{Type: "NFC"}
	}
	f.PreTokenizer = &component{Type: "Sequence"}
	if p.Digits {
		f.PreTokenizer.Pretokenizers = append(f.PreTokenizer.Pretokenizers, component{Type: "Digits", Individual: true})
	}
	splits := p.Splits
	if p.Pattern != "" && p.Pattern != gpt2Pattern {
		splits = append(splits[:len(splits):len(splits)], p.Pattern)
	}
	for i := range splits {
		c := component{Type: "Split", Behavior: string(isolated), Pattern: &patternFile{Regex: &splits[i]}}
		f.PreTokenizer.Pretokenizers = append(f.PreTokenizer.Pretokenizers, c)
	}
	regex := p.Pattern == "" || p.Pattern == gpt2Pattern
	f.PreTokenizer.Pretokenizers = append(f.PreTokenizer.Pretokenizers, component{Type: "ByteLevel", AddPrefixSpace: &no, UseRegex: &regex})
	f.Decoder = &component{Type: "ByteLevel"}
	if len(p.Prefix)+len(p.Suffix) > 0 {
		f.PostProcessor = around(p.Prefix, p.Suffix)
	}
}

// around puts ids before and after a text.
func around(prefix, suffix []int32) *component {
	return &component{
		Type:          "TemplateProcessing",
		Single:        []templatePiece{{SpecialToken: &nameOf{"prefix"}}, {Sequence: &nameOf{"A"}}, {SpecialToken: &nameOf{"suffix"}}},
		SpecialTokens: map[string]templateSpec{"prefix": {prefix}, "suffix": {suffix}},
	}
}

// splitMerge reads "left right".
func splitMerge(l string) ([2]string, error) {
	a, b, ok := strings.Cut(l, " ")
	if !ok || a == "" || b == "" || strings.Contains(b, " ") {
		return [2]string{}, fmt.Errorf("found %q, expected two tokens with a space between", l)
	}
	return [2]string{a, b}, nil
}
