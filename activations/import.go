package activations

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"agar/activations/manifest"
)

// placed is the ability of a Runner to be told which windows of which documents
// it is to compute: one that looks results up needs it.
type placed interface {
	runAt(ctx context.Context, windows []window, hooks []string) (map[string][]float32, error)
}

// sequences is activations that another tool cached: sequences of tokens with
// the values of some hooks. It is Documents and Runner at once, so that Capture
// brings them into a store with all that goes with it.
type sequences struct {
	tokens []int32
	roles  []uint8 // nil for plain
	starts []int64 // first row of each sequence; the last is the end
	docs   []int32 // document of each sequence
	dims   map[string]int
	// values appends the rows [from, to) of a hook to dst.
	values func(dst []float32, hook string, from, to int64) ([]float32, error)
	next   int
	ref    manifest.Ref
}

func (s *sequences) Ref() manifest.Ref { return s.ref }

func (s *sequences) Position() (read, total int64) { return s.starts[s.next], s.starts[len(s.docs)] }

func (s *sequences) Next() (Document, error) {
	for s.next < len(s.docs) && s.starts[s.next] == s.starts[s.next+1] {
		s.next++
	}
	if s.next == len(s.docs) {
		return Document{}, io.EOF
	}
	from, to := s.starts[s.next], s.starts[s.next+1]
	d := Document{Index: s.docs[s.next], IDs: s.tokens[from:to]}
	if s.roles != nil {
		d.Roles = s.roles[from:to]
	}
	s.next++
	return d, nil
}

func (s *sequences) Hooks() []HookInfo {
	var out []HookInfo
	for _, name := range slices.Sorted(maps.Keys(s.dims)) {
		out = append(out, HookInfo{Name: name, Dim: s.dims[name]})
	}
	return out
}

// Run is not possible without knowing which rows are meant.
func (s *sequences) Run(context.Context, Batch, []string) (map[string][]float32, error) {
	return nil, fmt.Errorf("activations: import: cached activations are looked up by place, not computed")
}

func (s *sequences) runAt(ctx context.Context, windows []window, hooks []string) (map[string][]float32, error) {
	out := map[string][]float32{}
	for _, h := range hooks {
		var x []float32
		for i := range windows {
			w := &windows[i]
			k, found := slices.BinarySearch(s.docs, w.doc)
			if !found {
				return nil, fmt.Errorf("activations: import: no document %d", w.doc)
			}
			from := s.starts[k] + w.start
			var err error
			if x, err = s.values(x, h, from, from+int64(len(w.ids))); err != nil {
				return nil, err
			}
		}
		out[h] = x
	}
	return out, ctx.Err()
}

// run imports the sequences with the settings of o. Sequences longer than
// o.Context are cut, since the context is what bounds a forward.
func (s *sequences) run(ctx context.Context, o CaptureOptions) (*CaptureReport, error) {
	if len(o.Hooks) == 0 {
		o.Hooks = slices.Sorted(maps.Keys(s.dims))
	}
	for i := range s.docs {
		if i > 0 && s.docs[i] <= s.docs[i-1] {
			return nil, fmt.Errorf("activations: import: found document %d after %d, expected ascending ones", s.docs[i], s.docs[i-1])
		}
	}
	if o.Data.SHA256 == "" {
		o.Data = s.ref
	}
	return Capture(ctx, s, s, o)
}

// oneDocument makes one document of all rows.
func (s *sequences) oneDocument() {
	s.docs, s.starts = []int32{0}, []int64{0, int64(len(s.tokens))}
}

// equalDocuments makes a document of every n rows.
func (s *sequences) equalDocuments(n int) {
	s.starts = []int64{0}
	for from := 0; from < len(s.tokens); from += n {
		s.docs = append(s.docs, int32(len(s.docs)))
		s.starts = append(s.starts, int64(from+n))
	}
}

// documentsBy makes a document of each run of equal ids.
func (s *sequences) documentsBy(ids []int32) error {
	if len(ids) != len(s.tokens) {
		return fmt.Errorf("activations: import: found %d document ids, expected %d, one a row", len(ids), len(s.tokens))
	}
	for i, id := range ids {
		if i == 0 || id != ids[i-1] {
			s.docs = append(s.docs, id)
			s.starts = append(s.starts, int64(i))
		}
	}
	s.starts = append(s.starts, int64(len(ids)))
	return nil
}

// check holds tokens and roles to what a store takes.
func (s *sequences) check() error {
	for i, id := range s.tokens {
		if id < 0 {
			return fmt.Errorf("activations: import: row %d: found token id %d", i, id)
		}
	}
	for i, r := range s.roles {
		if r > 5 {
			return fmt.Errorf("activations: import: row %d: found role %d, expected 0 to 5", i, r)
		}
	}
	return nil
}

// isTokenName says whether an array of that name holds token ids.
func isTokenName(name string) bool {
	return slices.Contains([]string{"token_ids", "token_id", "tokens", "input_ids"}, strings.ToLower(name))
}
