package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// file is a tokenizer.json. Truncation and padding are read over.
type file struct {
	AddedTokens   []addedToken
	Normalizer    *component
	PreTokenizer  *component
	PostProcessor *component
	Decoder       *component
	Model         modelFile
}

// component is a normalizer, pre-tokenizer, post-processor or decoder: the
// union of their fields.
type component struct {
	Type          string      `json:"type"`
	Normalizers   []component `json:"normalizers"`
	Pretokenizers []component `json:"pretokenizers"`
	Processors    []component `json:"processors"`
	Decoders      []component `json:"decoders"`

	Pattern    *patternFile `json:"pattern"`
	Content    string       `json:"content"`
	Prepend    string       `json:"prepend"`
	Behavior   string       `json:"behavior"`
	Invert     bool         `json:"invert"`
	Individual bool         `json:"individual_digits"`
	StripLeft  bool         `json:"strip_left"`
	StripRight bool         `json:"strip_right"`
	Charsmap   *string      `json:"precompiled_charsmap"`
	Longest    bool         `json:"-"` // the charsmap is used as SentencePiece does
	Delimiter  string       `json:"delimiter"`
	Length     *int         `json:"length"`

	CleanText    *bool `json:"clean_text"`
	Chinese      *bool `json:"handle_chinese_chars"`
	StripAccents *bool `json:"strip_accents"`
	Lowercase    *bool `json:"lowercase"`

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
	Sep           *tokenAndID             `json:"sep"`
	Cls           *tokenAndID             `json:"cls"`

	Suffix    *string `json:"suffix"`
	Prefix    *string `json:"prefix"`
	Cleanup   *bool   `json:"cleanup"`
	PadToken  *string `json:"pad_token"`
	WordDelim *string `json:"word_delimiter_token"`
}

// patternFile is a literal string or a regular expression.
type patternFile struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

type templatePiece struct {
	SpecialToken *nameOf `json:"SpecialToken"`
	Sequence     *nameOf `json:"Sequence"`
}

type nameOf struct {
	ID string `json:"id"`
}

type templateSpec struct {
	IDs []int32 `json:"ids"`
}

// tokenAndID is ["[SEP]", 102].
type tokenAndID struct {
	token string
	id    int32
}

// UnmarshalJSON reads the pair.
func (p *tokenAndID) UnmarshalJSON(b []byte) error {
	r := &reader{data: b}
	r.array(func(i int) {
		switch i {
		case 0:
			p.token = string(r.text())
		case 1:
			p.id = r.id()
		default:
			r.fail("found a third element, expected a token and its id")
		}
	})
	return r.err
}

// modelFile is the model of a tokenizer.json. Its vocabulary is a map, or a
// list with scores; merges are kept as they are written until the vocabulary
// is known.
type modelFile struct {
	Type         string   `json:"type"`
	UnkToken     *string  `json:"unk_token"`
	UnkID        *int32   `json:"unk_id"`
	Dropout      *float64 `json:"dropout"`
	Prefix       *string  `json:"continuing_subword_prefix"`
	Suffix       *string  `json:"end_of_word_suffix"`
	FuseUnk      *bool    `json:"fuse_unk"`
	ByteFallback *bool    `json:"byte_fallback"`
	IgnoreMerges *bool    `json:"ignore_merges"`
	MaxChars     *int     `json:"max_input_chars_per_word"`

	vocab  *vocabulary     // of BPE, WordPiece and WordLevel
	scores *scores         // of Unigram
	single bool            // scores are of 32 bits
	raw    json.RawMessage // merges of a file
	// When they do not come from a file: merges calls f with both sides of every
	// one, the best first, and mergeCount is how many there are.
	merges     func(f func(a, b string) error) error
	mergeCount int
}

// scores are the tokens of a Unigram model by id.
type scores struct {
	count int
	each  func(f func(id int32, t scoredToken))
}

func (s *scores) len() int { return s.count }

// scoredToken is a token with its log probability.
type scoredToken struct {
	token string
	score float64
	kind  tokenKind
}

// tokenKind says what part a token of a unigram model has in cutting texts.
type tokenKind uint8

const (
	plainToken  tokenKind = iota
	userToken             // its score does not count for that of unknown characters
	hiddenToken           // texts are not cut into it
)

// parseFile reads a tokenizer.json.
func parseFile(data []byte) (*file, error) {
	f := &file{}
	r := newReader(data)
	r.object(func(key []byte) {
		switch string(key) {
		case "version":
			if v := string(r.skip()); r.err == nil && v != `"1.0"` {
				r.fail("version: found %s, expected \"1.0\"", v)
			}
		case "added_tokens":
			f.AddedTokens = r.added()
		case "normalizer":
			r.component("normalizer", &f.Normalizer)
		case "pre_tokenizer":
			r.component("pre_tokenizer", &f.PreTokenizer)
		case "post_processor":
			r.component("post_processor", &f.PostProcessor)
		case "decoder":
			r.component("decoder", &f.Decoder)
		case "model":
			f.Model.read(r)
		default:
			r.skip()
		}
	})
	r.end()
	if r.err != nil {
		return nil, fmt.Errorf("tokenizer: not a tokenizer.json: %w", r.err)
	}
	return f, f.checkPatterns()
}

// value decodes the next value by encoding/json.
func (r *reader) value(name string, to any) {
	raw := r.skip()
	if r.err != nil {
		return
	}
	if err := json.Unmarshal(raw, to); err != nil {
		r.fail("%s: %w", name, err)
	}
}

// smallFields are the members of a model beside vocabulary and merges.
var smallFields = []string{"type", "unk_token", "unk_id", "dropout", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "max_input_chars_per_word"}

// read reads the model; the small fields go through encoding/json.
func (m *modelFile) read(r *reader) {
	small := map[string]json.RawMessage{}
	r.object(func(key []byte) {
		switch string(key) {
		case "vocab":
			m.readVocab(r)
		case "merges":
			m.raw = r.skip()
		default:
			if v := r.skip(); slices.Contains(smallFields, string(key)) {
				small[string(key)] = v
			}
		}
	})
	if r.err != nil {
		return
	}
	b, err := json.Marshal(small)
	if err == nil {
		err = json.Unmarshal(b, m)
	}
	if err != nil {
		r.fail("model: %w", err)
	}
}

// readVocab reads {"token": id} or [["token", score]].
func (m *modelFile) readVocab(r *reader) {
	m.vocab, m.scores = nil, nil
	if r.peek() == '[' {
		m.readScores(r)
		return
	}
	m.vocab = newVocabulary(r.members())
	r.object(func(key []byte) { m.vocab.set(string(key), r.id()) })
}

// readScores reads a list, in which the last of tokens that are alike counts.
func (m *modelFile) readScores(r *reader) {
	n := r.pairs()
	tokens, logs := make([]string, 0, n), make([]float64, 0, n)
	r.array(func(int) {
		t := r.scored()
		tokens, logs = append(tokens, t.token), append(logs, t.score)
	})
	if len(tokens) == 0 {
		return
	}
	m.vocab = listed(tokens)
	m.scores = &scores{len(tokens), func(f func(int32, scoredToken)) {
		for id, s := range tokens {
			f(int32(id), scoredToken{s, logs[id], plainToken})
		}
	}}
}

// members is at least how many members the object has that comes next, unless it
// has spaces before its colons: it and what stands behind it have so many ends of
// keys. An entry takes five bytes or more.
func (r *reader) members() int {
	return min(bytes.Count(r.data[r.pos:], []byte(`":`)), (len(r.data)-r.pos)/5)
}

// pairs is at least how many ["token", score] the array has that comes next. An
// entry takes six bytes or more.
func (r *reader) pairs() int {
	return min(bytes.Count(r.data[r.pos:], []byte(`[`)), (len(r.data)-r.pos)/6)
}

// scored reads ["token", score].
func (r *reader) scored() (t scoredToken) {
	r.array(func(i int) {
		switch i {
		case 0:
			t.token = string(r.text())
		case 1:
			t.score = r.float()
		default:
			r.fail("model.vocab: found a third element, expected a token and its score")
		}
	})
	return t
}

// number makes the vocabulary of a list of tokens.
func (m *modelFile) number(tokens []string) error {
	v, first, second := numbered(tokens)
	if first >= 0 {
		return fmt.Errorf("tokenizer: token %q has both id %d and id %d", tokens[first], first, second)
	}
	m.vocab = v
	return nil
}

// countMerges is at least how many merges there are: a file has two quotes for one
// that is written "a b", four for ["a", "b"], and five bytes or more.
func (m *modelFile) countMerges() int {
	quotes, of := bytes.Count(m.raw, []byte(`"`)), 2
	if bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(m.raw, []byte("[")), " \n\t\r"), []byte("[")) {
		of = 4
	}
	return m.mergeCount + min(quotes/of, len(m.raw)/5)
}

// eachMerge calls f with the two sides of every merge, best first. Both
// spellings are read: ["a", "b"] and "a b". The slices live until f returns.
func (m *modelFile) eachMerge(f func(rank int, a, b []byte) error) error {
	rank := 0
	if m.merges != nil {
		var a, b []byte
		return m.merges(func(x, y string) error {
			a, b = append(a[:0], x...), append(b[:0], y...)
			rank++
			return f(rank-1, a, b)
		})
	}
	if m.raw == nil {
		return nil
	}
	r := &reader{data: m.raw}
	var err error
	r.array(func(int) {
		a, b, skip := r.merge()
		if err == nil && r.err == nil && !skip {
			err = f(rank, a, b)
			rank++
		}
	})
	if r.err != nil {
		return fmt.Errorf("tokenizer: model.merges: merge %d: %w", rank, r.err)
	}
	return err
}

// merge reads one merge; a line "#version…" of old files is none.
func (r *reader) merge() (a, b []byte, skip bool) {
	if r.peek() != '[' {
		l := string(r.text())
		if r.err != nil || strings.HasPrefix(l, "#version") {
			return nil, nil, true
		}
		p, err := splitMerge(l)
		if err != nil {
			r.fail("%w", err)
		}
		r.sides[0], r.sides[1] = append(r.sides[0][:0], p[0]...), append(r.sides[1][:0], p[1]...)
		return r.sides[0], r.sides[1], false
	}
	r.array(func(i int) {
		switch i {
		case 0:
			a = r.text()
		case 1:
			b = r.text()
		default:
			r.fail("found a third element, expected two tokens")
		}
	})
	return a, b, false
}

// yes is *b, or def when the file does not say.
func yes(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}

// text0 is *s, or empty.
func text0(s *string) string { return textOr(s, "") }

// textOr is *s, or def when the file does not say.
func textOr(s *string, def string) string {
	if s == nil {
		return def
	}
	return *s
}

// unknown is the error of a component that is not implemented.
func unknown(path, kind string, known ...string) error {
	return fmt.Errorf("tokenizer: %s: type %q is not implemented; known are %s", path, kind, strings.Join(known, ", "))
}
