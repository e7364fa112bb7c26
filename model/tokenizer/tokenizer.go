package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Tokenizer is a tokenizer.json ready to use. It is safe for concurrent use.
type Tokenizer struct {
	sha        string
	tokens     []string    // by id
	present    []bool      // ids that have a token
	shared     bool        // tokens is the list of the vocabulary
	ids        *vocabulary // the model's vocabulary
	added      map[int32]*addedToken
	addedIDs   map[string]int32
	special    map[string]bool // contents of special tokens
	raw        matcher         // added tokens matched in the raw text
	normalized matcher         // and those matched behind the normalizer
	norm       normalizer
	pre        []preTokenizer
	model      model
	posts      []postProcessor
	decoders   []decoder
	prefix     []int32
	encoders   sync.Pool
}

// Open reads a tokenizer.json or a SentencePiece model (.model), or the
// tokenizer.json in a directory, or else its tokenizer.model with what a
// tokenizer_config.json there says about BOS and EOS.
func Open(path string) (*Tokenizer, error) {
	if st, err := os.Stat(path); err != nil || !st.IsDir() {
		return openFile(path)
	}
	file, other := filepath.Join(path, "tokenizer.json"), filepath.Join(path, "tokenizer.model")
	if exists(file) || !exists(other) {
		return openFile(file)
	}
	t, err := openFile(other)
	if err != nil {
		return nil, err
	}
	return t, t.applyConfig(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func openFile(path string) (*Tokenizer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	parse := Parse
	if filepath.Ext(path) == ".model" {
		parse = ParseSentencePiece
	}
	t, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return t, nil
}

// Parse reads the contents of a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) {
	f, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	t, err := f.build()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	t.sha = hex.EncodeToString(sum[:])
	return t, nil
}

// build makes a tokenizer of a file.
func (f *file) build() (_ *Tokenizer, err error) {
	defer catch(&err) // added tokens are normalized
	t := &Tokenizer{}
	if err := f.components(t); err != nil {
		return nil, err
	}
	if err := t.setVocab(f); err != nil {
		return nil, err
	}
	m, err := f.Model.build(t)
	if err != nil {
		return nil, err
	}
	t.model = m
	if err := t.checkPosts(); err != nil {
		return nil, err
	}
	t.encoders.New = func() any { return newEncoder(t) }
	return t, nil
}

// components builds everything around the model.
func (f *file) components(t *Tokenizer) (err error) {
	if f.Normalizer != nil {
		if t.norm, err = f.Normalizer.normalizer("normalizer"); err != nil {
			return err
		}
	}
	if f.PreTokenizer != nil {
		if t.pre, err = f.PreTokenizer.preTokenizers("pre_tokenizer"); err != nil {
			return err
		}
	}
	if f.PostProcessor != nil {
		if t.posts, err = f.PostProcessor.postProcessors("post_processor"); err != nil {
			return err
		}
	}
	if f.Decoder != nil {
		if t.decoders, err = f.Decoder.decoders("decoder"); err != nil {
			return err
		}
	}
	return bounded(t.decoders)
}

// setVocab fills the tables of ids.
func (t *Tokenizer) setVocab(f *file) error {
	m := &f.Model
	size := m.vocab.len()
	t.ids = m.vocab
	if m.vocab != nil && m.vocab.ids == nil { // of a list, which is not copied
		t.tokens, t.shared = slices.Clip(m.vocab.keys), true
		t.present = slices.Repeat([]bool{true}, size)
		t.addTokens(f.AddedTokens, int32(size))
		return nil
	}
	if err := t.reserve(m.vocab, size, len(f.AddedTokens)); err != nil {
		return err
	}
	for s, id := range m.vocab.all() {
		if !t.put(s, id) {
			return fmt.Errorf("tokenizer: model.vocab: id %d belongs to both %q and %q", id, min(s, t.tokens[id]), max(s, t.tokens[id]))
		}
	}
	t.addTokens(f.AddedTokens, int32(size))
	return nil
}

// gap is how far ids may lie beyond twice the size of a vocabulary.
const gap = 1 << 15

// reserve makes room for the ids of a vocabulary at once, and refuses some that are
// negative or so large that a table of them would dwarf the file.
func (t *Tokenizer) reserve(v *vocabulary, size, added int) error {
	limit, most := int32(min(math.MaxInt32, 2*size+gap)), int32(size-1)
	for s, id := range v.all() {
		if id < 0 || id >= limit {
			return fmt.Errorf("tokenizer: model.vocab: token %q has id %d, expected 0 to %d", s, id, limit-1)
		}
		most = max(most, id)
	}
	room := int(most) + 1 + added
	t.tokens, t.present = make([]string, 0, room), make([]bool, 0, room)
	return nil
}

// addTokens adds tokens in order. One that the model knows has the model's id,
// others are numbered on from next, the size of the model's vocabulary; of
// several with one id the last counts.
func (t *Tokenizer) addTokens(list []addedToken, next int32) {
	order, specials := make([]int32, 0, len(list)), 0
	for _, a := range list {
		if a.Special {
			specials++
		}
	}
	t.special = make(map[string]bool, specials)
	t.added, t.addedIDs = make(map[int32]*addedToken, len(list)), make(map[string]int32, len(list))
	for i := range list {
		a := &list[i]
		if a.Content == "" {
			continue
		}
		id, ok := t.addedIDs[a.Content]
		if !ok {
			id, ok = t.ids.get(a.Content)
		}
		if !ok {
			id = next
			next++
		}
		a.ID = id
		if _, ok := t.added[id]; !ok {
			order = append(order, id)
		}
		t.added[id], t.addedIDs[a.Content] = a, id
		if a.Special {
			t.special[a.Content] = true
		}
	}
	room := maxForms
	for _, id := range order {
		a := t.added[id]
		if room += 2*len(a.Content) - t.match(a, len(order)); room < 0 {
			panic(thrown{fmt.Errorf("tokenizer: the normalizers make far more than there is of added tokens, of %q and those before it", a.Content)})
		}
	}
}

// match makes Encode look for a, one of n, and gives the length of its form. One
// that is matched behind the normalizer is also decoded in its normalized form.
func (t *Tokenizer) match(a *addedToken, n int) int {
	form, m := a.Content, &t.raw
	if a.Normalized {
		m = &t.normalized
		if t.norm != nil {
			form = t.norm.normalize(newText(form)).s
		}
	}
	m.add(form, a, n)
	if t.put(form, a.ID) || t.tokens[a.ID] == form {
		return len(form)
	}
	if t.shared {
		t.tokens, t.shared = slices.Clone(t.tokens), false
	}
	t.tokens[a.ID] = form
	return len(form)
}

// put gives id its token; false when it has one.
func (t *Tokenizer) put(s string, id int32) bool {
	if n := int(id) + 1; n > len(t.tokens) {
		t.tokens, t.shared = append(t.tokens, make([]string, n-len(t.tokens))...), false
		t.present = append(t.present, make([]bool, n-len(t.present))...)
	}
	if t.present[id] {
		return false
	}
	t.tokens[id], t.present[id] = s, true
	return true
}

// checkPosts refuses templates with ids that are not in the vocabulary, and
// finds the prefix by sending a token −1 through them.
func (t *Tokenizer) checkPosts() error {
	probe := Encoding{IDs: []int32{-1}, Offsets: make([][2]int, 1)}
	for _, p := range t.posts {
		if tpl, ok := p.(template); ok {
			probe = tpl.process(t, "", probe, true)
		}
	}
	for _, id := range probe.IDs {
		if id != -1 && !t.has(id) {
			return fmt.Errorf("tokenizer: post_processor: token id %d is not in the vocabulary of %d", id, t.Size())
		}
	}
	if i := slices.Index(probe.IDs, -1); i >= 0 {
		t.prefix = probe.IDs[:i]
	}
	return nil
}

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.tokens) && t.present[id] }

// ID is the id of a token as it is written in the vocabulary (with Ġ for a
// space in byte-level ones), or of an added token.
func (t *Tokenizer) ID(token string) (int32, bool) {
	if id, ok := t.addedIDs[token]; ok {
		return id, true
	}
	id, ok := t.ids.get(token)
	return id, ok
}

// Token is the token of id as it is written in the vocabulary.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if !t.has(id) {
		return "", false
	}
	return t.tokens[id], true
}

// Size is the number of ids, the largest and one, added tokens included.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// IsSpecial says that id is an added token marked special.
func (t *Tokenizer) IsSpecial(id int32) bool {
	a, ok := t.added[id]
	return ok && a.Special
}

// Specials are the ids of all special tokens in ascending order.
func (t *Tokenizer) Specials() []int32 {
	var out []int32
	for id, a := range t.added {
		if a.Special {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Prefix is what the post-processor puts before a text, such as BOS; empty
// when there is nothing.
func (t *Tokenizer) Prefix() []int32 { return slices.Clone(t.prefix) }

// SHA256 is the lower-case hex digest of the file that was read; empty for a
// tokenizer made by FromParts.
func (t *Tokenizer) SHA256() string { return t.sha }
