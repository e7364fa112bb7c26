package activations

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"agar/activations/blob"
)

// schemaOf is the Arrow schema of a shard, with the columns of marks where there are
// any. Nothing is nullable.
func schemaOf(columns []Column, marked bool) *arrow.Schema {
	fields := []arrow.Field{
		{Name: fixedColumns[0].name, Type: arrow.PrimitiveTypes.Int32},
		{Name: fixedColumns[1].name, Type: arrow.PrimitiveTypes.Int32},
		{Name: fixedColumns[2].name, Type: arrow.PrimitiveTypes.Int32},
		{Name: fixedColumns[3].name, Type: arrow.PrimitiveTypes.Int32},
		{Name: fixedColumns[4].name, Type: arrow.PrimitiveTypes.Uint8},
	}
	if marked {
		fields = append(fields, arrow.Field{Name: "group", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "sample", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "label", Type: arrow.PrimitiveTypes.Uint8})
	}
	for _, c := range columns {
		fields = append(fields, arrow.Field{Name: c.Name, Type: arrow.FixedSizeListOfNonNullable(int32(c.Dim), c.arrow())})
	}
	return arrow.NewSchema(fields, nil)
}

func (c Column) arrow() arrow.DataType {
	if c.DType == F16 {
		return arrow.FixedWidthTypes.Float16
	}
	return arrow.PrimitiveTypes.Float32
}

// batchRows is the rows of every record batch but the last of a shard: about
// 32 MiB of them, a multiple of 256, at most 8,192. It depends on the columns
// alone, so that files do not depend on how the forward was batched.
func batchRows(columns []Column) int {
	size := 0
	for _, c := range columns {
		size += c.rowBytes()
	}
	return max(1, min(32, 32<<20/max(size, 1)/256)) * 256
}

// block is the rows of a record batch under construction, column by column, as
// they will lie on disk.
type block struct {
	columns []Column
	n, cap  int
	token, doc, window,
	pos []int32
	role  []uint8
	hooks [][]byte

	group, sample []int32 // of marks; nil without
	label         []uint8
}

func newBlock(columns []Column, marked bool) *block {
	n := batchRows(columns)
	b := &block{columns: columns, cap: n, role: make([]uint8, n)}
	b.token, b.doc, b.window, b.pos = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	if marked {
		b.group, b.sample, b.label = make([]int32, n), make([]int32, n), make([]uint8, n)
	}
	for _, c := range columns {
		b.hooks = append(b.hooks, make([]byte, n*c.rowBytes()))
	}
	return b
}

// record wraps the rows of the block, without copying them.
func (b *block) record(schema *arrow.Schema) arrow.Record {
	cols := []arrow.Array{}
	for _, x := range [][]int32{b.token, b.doc, b.window, b.pos} {
		cols = append(cols, flat(arrow.PrimitiveTypes.Int32, b.n, intBytes(x[:b.n])))
	}
	cols = append(cols, flat(arrow.PrimitiveTypes.Uint8, b.n, b.role[:b.n]))
	if b.label != nil {
		cols = append(cols, flat(arrow.PrimitiveTypes.Int32, b.n, intBytes(b.group[:b.n])), flat(arrow.PrimitiveTypes.Int32, b.n, intBytes(b.sample[:b.n])),
			flat(arrow.PrimitiveTypes.Uint8, b.n, b.label[:b.n]))
	}
	before := len(cols)
	for i, c := range b.columns {
		values := flat(c.arrow(), b.n*c.Dim, b.hooks[i][:b.n*c.rowBytes()])
		list := array.NewData(schema.Field(before+i).Type, b.n, []*memory.Buffer{nil}, []arrow.ArrayData{values.Data()}, 0, 0)
		cols = append(cols, array.MakeFromData(list))
	}
	return array.NewRecord(schema, cols, int64(b.n))
}

func flat(t arrow.DataType, n int, raw []byte) arrow.Array {
	return array.MakeFromData(array.NewData(t, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0))
}

// shardFile writes one shard, hashing what it writes.
type shardFile struct {
	w      blob.Writer
	hash   hash.Hash
	pos    int64
	ipc    *ipc.FileWriter
	schema *arrow.Schema
}

func createShard(s blob.Store, name string, columns []Column, marked bool) (*shardFile, error) {
	w, err := s.Create(name)
	if err != nil {
		return nil, err
	}
	f := &shardFile{w: w, hash: sha256.New(), schema: schemaOf(columns, marked)}
	if f.ipc, err = ipc.NewFileWriter(f, ipc.WithSchema(f.schema)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), w.Abort())
	}
	return f, nil
}

// Write passes bytes on.
func (f *shardFile) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.hash.Write(p[:n])
	f.pos += int64(n)
	return n, err
}

// Seek tells the position: it is all that Arrow's writer asks of a Seeker, and
// it lets files be written to stores that only append.
func (f *shardFile) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("found a seek in a stream of bytes")
	}
	return f.pos, nil
}

func (f *shardFile) add(b *block) error { return f.ipc.Write(b.record(f.schema)) }

// commit ends the file and gives its SHA-256.
func (f *shardFile) commit() (sum string, err error) {
	if err := f.ipc.Close(); err != nil {
		return "", errors.Join(err, f.w.Abort())
	}
	if err := f.w.Commit(); err != nil {
		return "", err
	}
	return hex.EncodeToString(f.hash.Sum(nil)), nil
}
