package tokenizer

import (
	"encoding/json"
	"fmt"
)

// file is a tokenizer.json.
type file struct {
	AddedTokens   []addedToken `json:"added_tokens"`
	Normalizer    *component   `json:"normalizer"`
	PreTokenizer  *component   `json:"pre_tokenizer"`
	PostProcessor *component   `json:"post_processor"`
	Decoder       *component   `json:"decoder"`
	Model         modelFile    `json:"model"`
}

// component is a normalizer, pre-tokenizer, post-processor or decoder: the
// union of their fields.
type component struct {
	Type          string      `json:"type"`
	Normalizers   []component `json:"normalizers"`
	Pretokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Decoders      []component `json:"decoders"`

	Pattern *struct {
		String *string `json:"String"`
		Regex  *string `json:"Regex"`
	} `json:"pattern"`
	Content    string `json:"content"`
	Prepend    string `json:"prepend"`
	Behavior   string `json:"behavior"`
	Invert     bool   `json:"invert"`
	Individual bool   `json:"individual_digits"`
	StripLeft  bool   `json:"strip_left"`
	StripRight bool   `json:"strip_right"`

	AddPrefixSpace *bool  `json:"add_prefix_space"`
	UseRegex       *bool  `json:"use_regex"`
	TrimOffsets    *bool  `json:"trim_offsets"`
	Replacement    string `json:"replacement"`
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`
	Start          int    `json:"start"`
	Stop           int    `json:"stop"`

	Single        []templatePiece         `json:"single"`
	SpecialTokens map[string]templateSpec `json:"special_tokens"`
}

type templatePiece struct {
	SpecialToken *struct {
		ID string `json:"id"`
	} `json:"SpecialToken"`
	Sequence *struct {
		ID string `json:"id"`
	} `json:"Sequence"`
}

type templateSpec struct {
	IDs []int32 `json:"ids"`
}

type modelFile struct {
	Type         string           `json:"type"`
	Vocab        map[string]int32 `json:"vocab"`
	Merges       mergeList        `json:"merges"`
	UnkToken     *string          `json:"unk_token"`
	Dropout      *float64         `json:"dropout"`
	Prefix       *string          `json:"continuing_subword_prefix"`
	Suffix       *string          `json:"end_of_word_suffix"`
	FuseUnk      bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
}

// mergeList reads both spellings of merges: ["a", "b"] and "a b".
type mergeList [][2]string

func (m *mergeList) UnmarshalJSON(b []byte) error {
	var pairs [][2]string
	if json.Unmarshal(b, &pairs) == nil {
		*m = pairs
		return nil
	}
	var lines []string
	if err := json.Unmarshal(b, &lines); err != nil {
		return fmt.Errorf("merges are neither pairs nor strings: %w", err)
	}
	for i, l := range lines {
		p, err := splitMerge(l)
		if err != nil {
			return fmt.Errorf("merge %d: %w", i, err)
		}
		*m = append(*m, p)
	}
	return nil
}

// flag is *b, or def when the file does not say.
func flag(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}

// text0 is *s, or empty.
func text0(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// unknown is the error of a component that is not implemented.
func unknown(path, kind string) error {
	return fmt.Errorf("tokenizer: %s: type %q is not implemented", path, kind)
}
