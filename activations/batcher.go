package activations

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// window is a piece of a document that is computed at once.
type window struct {
	doc, index int32
	start      int64 // first token in the document; the prefix put before it does not count
	ordinal    int64 // of the document among those taken
	ids        []int32
	roles      []uint8 // nil means plain
	last       bool    // of its document
}

func (w *window) role(i int) uint8 {
	if w.roles == nil {
		return 0
	}
	return w.roles[i]
}

// cut makes windows of at most context tokens. Each but the first starts with
// the document's prefix again, as the first does.
func cut(d Document, context int) ([]window, error) {
	if len(d.IDs) == 0 || d.Roles != nil && len(d.Roles) != len(d.IDs) || d.Prefix < 0 || d.Prefix >= context || d.Prefix > len(d.IDs) {
		return nil, fmt.Errorf("activations: document %d: found %d tokens, %d roles and a prefix of %d, expected as many roles as tokens and a prefix shorter than the context of %d",
			d.Index, len(d.IDs), len(d.Roles), d.Prefix, context)
	}
	var out []window
	for from := 0; from < len(d.IDs); {
		w := window{doc: d.Index, index: int32(len(out)), start: int64(from)}
		n := context
		if from > 0 {
			n -= d.Prefix
			w.ids = slices.Clone(d.IDs[:d.Prefix])
			if d.Roles != nil {
				w.roles = slices.Clone(d.Roles[:d.Prefix])
			}
		}
		to := min(from+n, len(d.IDs))
		w.ids = append(w.ids, d.IDs[from:to]...)
		if d.Roles != nil {
			w.roles = append(w.roles, d.Roles[from:to]...)
		}
		from = to
		w.last = from == len(d.IDs)
		out = append(out, w)
	}
	return out, nil
}

// work is the windows of one forward and what it computed.
type work struct {
	windows []window
	rows    int
	values  map[string][]float32 // nil before the forward
}

func (w *work) seqs() Batch {
	out := make(Batch, len(w.windows))
	for i := range w.windows {
		out[i] = w.windows[i].ids
	}
	return out
}

// batcher packs the windows of documents, in order, into forwards of bounded
// size. Runners pack rows without padding, so sorting by length would gain
// nothing and only hold rows back.
type batcher struct {
	docs      Documents
	context   int
	batchRows int
	tokens    int64 // stop after the document that reaches these; 0 never

	seen    int64 // tokens of documents taken
	taken   int64 // documents
	last    int32 // index of the last one
	pending []window
	done    bool
}

// document takes the next document and cuts it.
func (b *batcher) document() error {
	if b.tokens > 0 && b.seen >= b.tokens {
		b.done = true
		return nil
	}
	d, err := b.docs.Next()
	if errors.Is(err, io.EOF) {
		b.done = true
		return nil
	}
	if err != nil {
		return err
	}
	if b.taken > 0 && d.Index <= b.last {
		return fmt.Errorf("activations: found document %d after document %d", d.Index, b.last)
	}
	ws, err := cut(d, b.context)
	if err != nil {
		return err
	}
	for i := range ws {
		ws[i].ordinal = b.taken
		b.seen += int64(len(ws[i].ids))
	}
	b.taken++
	b.last = d.Index
	b.pending = append(b.pending, ws...)
	return nil
}

// next packs the next forward, nil at the end.
func (b *batcher) next() (*work, error) {
	w := &work{}
	for {
		for len(b.pending) > 0 {
			n := len(b.pending[0].ids)
			if w.rows > 0 && w.rows+n > b.batchRows {
				return w, nil
			}
			w.windows = append(w.windows, b.pending[0])
			w.rows += n
			b.pending = b.pending[1:]
		}
		if b.done {
			break
		}
		if err := b.document(); err != nil {
			return nil, err
		}
	}
	if w.rows == 0 {
		return nil, nil
	}
	return w, nil
}
