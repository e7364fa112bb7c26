package activations

import (
	"errors"
	"fmt"
	"math"

	"agar/activations/blob"
)

// row says where one row of a store comes from.
type row struct {
	token, doc, window, pos int32
	role                    uint8
}

// storeWriter writes rows into shards, one file after the other. A shard closes
// with the document that fills it.
type storeWriter struct {
	to        blob.Store
	columns   []Column
	shardRows int64
	marks     *Marks // nil: rows have none

	shards []Shard
	sums   map[string]string // SHA-256 by shard
	bytes  int64             // of whole shards
	rows   int64             // of whole shards and the open one

	block *block
	file  *shardFile // the open shard, nil between shards
	cur   Shard
	last  row
}

func newStoreWriter(to blob.Store, columns []Column, shardRows int64, marks *Marks) *storeWriter {
	return &storeWriter{to: to, columns: columns, shardRows: shardRows, marks: marks, sums: map[string]string{}, block: newBlock(columns, marks != nil)}
}

// ValueError is returned for an activation that the store cannot hold: NaN, Inf,
// or beyond float16 in a float16 store.
type ValueError struct {
	Doc, Window, Pos int32
	Hook             string
	Value            float32
	DType            DType
	Command          string // that goes on in float32, when that helps
}

func (e *ValueError) Error() string {
	where := fmt.Sprintf("activations: document %d, window %d, position %d, hook %s: found %v", e.Doc, e.Window, e.Pos, e.Hook, e.Value)
	if !e.Overflow() {
		return where + ", expected a finite number"
	}
	msg := fmt.Sprintf("%s, beyond the largest float16 (%d)", where, maxF16)
	if e.Command != "" {
		msg += "; this goes on in float32:\n  " + e.Command
	}
	return msg
}

// Overflow says whether float32 would hold the value.
func (e *ValueError) Overflow() bool {
	return e.DType == F16 && !math.IsInf(float64(e.Value), 0) && e.Value == e.Value
}

// add appends one row, whose activations are values[k] for column k.
func (w *storeWriter) add(r row, values [][]float32) error {
	if w.rows > 0 && !w.last.before(r) {
		return fmt.Errorf("activations: found a row of document %d, window %d, position %d after one of %d, %d, %d", r.doc, r.window, r.pos, w.last.doc, w.last.window, w.last.pos)
	}
	b := w.block
	for k, c := range w.columns {
		size := c.rowBytes()
		if i := c.encode(b.hooks[k][b.n*size:(b.n+1)*size], values[k]); i >= 0 {
			return &ValueError{Doc: r.doc, Window: r.window, Pos: r.pos, Hook: c.Name, Value: values[k][i], DType: c.DType}
		}
	}
	if err := w.open(r.doc); err != nil {
		return err
	}
	b.token[b.n], b.doc[b.n], b.window[b.n], b.pos[b.n], b.role[b.n] = r.token, r.doc, r.window, r.pos, r.role
	if w.marks != nil {
		m := w.marks.of(r.doc)
		b.group[b.n], b.sample[b.n], b.label[b.n] = m.Group, m.Sample, m.Label
	}
	b.n++
	w.rows++
	w.cur.Rows++
	w.cur.LastDoc = r.doc
	w.last = r
	if b.n == b.cap {
		return w.flush()
	}
	return nil
}

// before is the order of rows in a store.
func (r row) before(s row) bool {
	switch {
	case r.doc != s.doc:
		return r.doc < s.doc
	case r.window != s.window:
		return r.window < s.window
	}
	return r.pos < s.pos
}

// open starts a shard when there is none.
func (w *storeWriter) open(doc int32) error {
	if w.file != nil {
		return nil
	}
	w.cur = Shard{Name: shardName(len(w.shards)), FirstDoc: doc}
	var err error
	w.file, err = createShard(w.to, w.cur.Name, w.columns, w.marks != nil)
	return err
}

// flush writes the rows of the block as a record batch.
func (w *storeWriter) flush() error {
	if w.block.n == 0 {
		return nil
	}
	if err := w.file.add(w.block); err != nil {
		return fmt.Errorf("activations: %w", err)
	}
	w.block.n = 0
	return nil
}

// endDocument closes the shard when it is full.
func (w *storeWriter) endDocument() error {
	if w.file == nil || w.cur.Rows < w.shardRows {
		return nil
	}
	return w.close()
}

// close commits the open shard, if there is one.
func (w *storeWriter) close() error {
	if w.file == nil {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	sum, err := w.file.commit()
	if err != nil {
		return fmt.Errorf("activations: %w", err)
	}
	w.adopt(w.cur, sum, w.file.pos)
	w.file = nil
	return nil
}

// adopt counts a whole shard, one just written or one found on disk.
func (w *storeWriter) adopt(s Shard, sum string, bytes int64) {
	w.shards = append(w.shards, s)
	w.sums[s.Name] = sum
	w.bytes += bytes
}

// abort forgets the open shard; whole ones stay.
func (w *storeWriter) abort() error {
	if w.file == nil {
		return nil
	}
	err := w.file.w.Abort()
	w.rows -= w.cur.Rows
	w.file, w.block.n = nil, 0
	if err != nil {
		return errors.Join(errors.New("activations: abort shard"), err)
	}
	return nil
}
