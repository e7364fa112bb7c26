package activations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// ImportSAELens brings a directory of SAELens's CacheActivationsRunner into a
// capture directory: a Hugging Face dataset, data-*.arrow files in the streaming
// format, with a column token_ids and a column per hook, named by the hook, whose
// rows are [context, d]. Each row becomes a document, for the sequences that
// SAELens packs do not say where documents begin.
func ImportSAELens(ctx context.Context, dir string, o CaptureOptions) (*CaptureReport, error) {
	c := &cached{dims: map[string]int{}}
	defer c.close()
	paths, err := filepath.Glob(filepath.Join(dir, "data-*.arrow"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("activations: import %s: found no data-*.arrow, expected a directory of cached activations", dir)
	}
	slices.Sort(paths)
	s := &sequences{dims: c.dims, starts: []int64{0}, values: c.values}
	c.paths, c.seqs = paths, s
	if err := c.index(ctx); err != nil {
		return nil, err
	}
	if len(c.dims) == 0 {
		return nil, fmt.Errorf("activations: import %s: found no column of [context, d] floats", dir)
	}
	if s.ref, err = refOfPaths(paths); err != nil {
		return nil, err
	}
	if o.Context == 0 {
		o.Context = c.longest()
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.run(ctx, o)
}

// cached reads the record batches of a SAELens directory, one at a time.
type cached struct {
	paths []string
	dims  map[string]int
	seqs  *sequences
	pos   []batchPlace // of each batch of all files

	at     int // batch in rec, index of pos
	rec    map[string]arrow.Array
	file   *os.File
	stream *ipc.Reader
	open   int // file under stream
}

// batchPlace is a record batch: its file, and its first row among all.
type batchPlace struct {
	file  int
	first int64
	rows  int64
}

func (c *cached) longest() int {
	n := int64(1)
	for i := range c.seqs.docs {
		n = max(n, c.seqs.starts[i+1]-c.seqs.starts[i])
	}
	return int(n)
}

// index reads all token ids and remembers where each batch begins.
func (c *cached) index(ctx context.Context) error {
	for f := range c.paths {
		if err := c.openFile(f); err != nil {
			return err
		}
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			rec, err := c.read()
			if err != nil {
				return err
			}
			if rec == nil {
				break
			}
			if err := c.indexBatch(f, rec); err != nil {
				return fmt.Errorf("activations: %s: batch %d: %w", c.paths[f], len(c.pos), err)
			}
		}
	}
	c.at = -1
	return c.closeFile()
}

// indexBatch takes the token ids of a batch, and checks the shape of its hooks.
func (c *cached) indexBatch(f int, rec map[string]arrow.Array) error {
	s := c.seqs
	first := s.starts[len(s.starts)-1]
	tokens := ""
	for name := range rec {
		if isTokenName(name) {
			tokens = name
		}
	}
	ids, ok := rec[tokens].(array.ListLike)
	if !ok {
		return errors.New("found no column token_ids of lists")
	}
	values, err := intValues(ids.ListValues())
	if err != nil {
		return fmt.Errorf("column %s: %w", tokens, err)
	}
	for i := range ids.Len() {
		from, to := ids.ValueOffsets(i)
		s.tokens = append(s.tokens, values[from:to]...)
		s.docs = append(s.docs, int32(len(s.docs)))
		s.starts = append(s.starts, s.starts[len(s.starts)-1]+to-from)
	}
	end := s.starts[len(s.starts)-1]
	c.pos = append(c.pos, batchPlace{f, first, end - first})
	for name, a := range rec {
		if name == tokens {
			continue
		}
		if err := c.indexHook(name, a, end-first); err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	return nil
}

// indexHook checks that a column has rows of one width for all tokens.
func (c *cached) indexHook(name string, a arrow.Array, rows int64) error {
	m, err := floatsOf(a)
	if err != nil {
		return err
	}
	if d, ok := c.dims[name]; ok && d != m.d || m.len() != rows {
		return fmt.Errorf("found %d rows of %d values, expected %d of %d", m.len(), m.d, rows, d)
	}
	c.dims[name] = m.d
	return nil
}

// floatsOf sees a column of [context, d] lists as rows.
func floatsOf(a arrow.Array) (*arrayRows, error) {
	outer, ok := storage(a).(array.ListLike)
	if !ok {
		return nil, fmt.Errorf("found %s, expected lists of lists of floats", a.DataType())
	}
	inner, ok := storage(outer.ListValues()).(array.ListLike)
	if !ok || a.Len() == 0 {
		return nil, fmt.Errorf("found %s with %d rows, expected lists of lists of floats", a.DataType(), a.Len())
	}
	lo, _ := outer.ValueOffsets(0)
	_, hi := outer.ValueOffsets(a.Len() - 1)
	from, to := inner.ValueOffsets(int(lo))
	d := to - from
	for i := lo; i < hi; i++ {
		if f, t := inner.ValueOffsets(int(i)); f != from+(i-lo)*d || t-f != d {
			return nil, fmt.Errorf("found a row of %d values after one of %d", t-f, d)
		}
	}
	descr, size := floatType(inner.ListValues().DataType())
	if descr == "" || d < 1 || d > maxDim {
		return nil, fmt.Errorf("found rows of %d %s, expected floats", d, inner.ListValues().DataType())
	}
	v := inner.ListValues().Data()
	if v.NullN() > 0 || outer.NullN() > 0 || inner.NullN() > 0 || len(v.Buffers()) < 2 || v.Buffers()[1] == nil {
		return nil, errors.New("found nulls, expected none")
	}
	raw := v.Buffers()[1].Bytes()
	start := (int64(v.Offset()) + from) * int64(size)
	return newArrayRows(raw[start:start+(hi-lo)*d*int64(size)], descr, int(d))
}

// storage is what an extension array is made of.
func storage(a arrow.Array) arrow.Array {
	if e, ok := a.(array.ExtensionArray); ok {
		return e.Storage()
	}
	return a
}

func floatType(t arrow.DataType) (string, int) {
	switch t.ID() {
	case arrow.FLOAT16:
		return "<f2", 2
	case arrow.FLOAT32:
		return "<f4", 4
	case arrow.FLOAT64:
		return "<f8", 8
	}
	return "", 0
}

// intValues reads a flat array of integers.
func intValues(a arrow.Array) ([]int32, error) {
	if a.NullN() > 0 {
		return nil, errors.New("found nulls, expected none")
	}
	switch a := a.(type) {
	case *array.Int32:
		return a.Int32Values(), nil
	case *array.Int64:
		out := make([]int32, a.Len())
		for i, v := range a.Int64Values() {
			if v < 0 || v > math.MaxInt32 {
				return nil, fmt.Errorf("found token id %d", v)
			}
			out[i] = int32(v)
		}
		return out, nil
	}
	return nil, fmt.Errorf("found %s, expected int32 or int64", a.DataType())
}

// values appends rows of a hook, which lie in the batches one after the other.
func (c *cached) values(dst []float32, hook string, from, to int64) ([]float32, error) {
	d := c.dims[hook]
	for from < to {
		k, found := slices.BinarySearchFunc(c.pos, from, func(p batchPlace, row int64) int { return int(min(max(p.first-row, -1), 1)) })
		if !found {
			k--
		}
		for c.pos[k].rows == 0 {
			k++
		}
		if err := c.load(k); err != nil {
			return nil, err
		}
		m, err := floatsOf(c.rec[hook])
		if err != nil {
			return nil, fmt.Errorf("activations: import: column %s: %w", hook, err)
		}
		n := min(to, c.pos[k].first+c.pos[k].rows) - from
		at := len(dst)
		dst = slices.Grow(dst, int(n)*d)[:at+int(n)*d]
		m.decode(dst[at:], from-c.pos[k].first, int(n))
		from += n
	}
	return dst, nil
}

// load makes batch k the current one. Batches are asked for in order, but for a
// resumed capture and the choice of the dtype, which start a file again.
func (c *cached) load(k int) error {
	if c.at == k {
		return nil
	}
	if c.at < 0 || c.stream == nil || c.open != c.pos[k].file || c.at > k {
		if err := c.openFile(c.pos[k].file); err != nil {
			return err
		}
		c.at = slices.IndexFunc(c.pos, func(p batchPlace) bool { return p.file == c.pos[k].file }) - 1
	}
	for c.at < k {
		rec, err := c.read()
		if err != nil {
			return err
		}
		if rec == nil {
			return fmt.Errorf("activations: %s: found fewer batches than a moment ago", c.paths[c.open])
		}
		c.rec = rec
		c.at++
	}
	return nil
}

func (c *cached) openFile(i int) error {
	if err := c.closeFile(); err != nil {
		return err
	}
	f, err := os.Open(c.paths[i])
	if err != nil {
		return fmt.Errorf("activations: %w", err)
	}
	c.file, c.open = f, i
	err = guard(func() error {
		c.stream, err = ipc.NewReader(f)
		return err
	})
	if err != nil {
		return fmt.Errorf("activations: %s: found no Arrow stream: %w", c.paths[i], err)
	}
	return nil
}

// read gives the columns of the next batch, nil at the end of the file.
func (c *cached) read() (cols map[string]arrow.Array, err error) {
	err = guard(func() error {
		if !c.stream.Next() {
			return c.stream.Err()
		}
		rec := c.stream.Record()
		rec.Retain()
		cols = map[string]arrow.Array{}
		for i, a := range rec.Columns() {
			cols[strings.Clone(rec.ColumnName(i))] = a
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("activations: %s: %w", c.paths[c.open], err)
	}
	return cols, nil
}

func (c *cached) closeFile() error {
	if c.file == nil {
		return nil
	}
	if c.stream != nil {
		c.stream.Release()
	}
	err := c.file.Close()
	c.file, c.stream = nil, nil
	return err
}

func (c *cached) close() { _ = c.closeFile() } // read only
