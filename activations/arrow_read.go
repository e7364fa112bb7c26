package activations

import (
	"bytes"
	"encoding/binary"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// magic begins and ends an Arrow IPC file.
var magic = []byte("ARROW1")

const (
	blockSize  = 24 // struct Block of File.fbs: offset i64, metadata i32 (padded), body i64
	structSize = 16 // structs FieldNode (length, null count) and Buffer (offset, length)
)

// batch is one record batch of a shard: where the buffers of its columns lie.
type batch struct {
	rows  int
	token []int32
	doc, window,
	pos []int32
	role  []uint8
	hooks []span // per column of the shard, in the order of its columns
	codec codec
}

// span is a buffer inside the file.
type span struct{ off, size int }

// table is the content of one Arrow file with the columns of a capture.
type table struct {
	buf     []byte
	columns []Column
	batches []batch
	rows    int64
}

// parseTable reads the footer and every record batch header of an Arrow file
// that is wholly in buf. No activation is touched. Buffers are checked against
// the file, columns against the five of every capture.
func parseTable(buf []byte) (*table, error) {
	t := &table{buf: buf}
	err := guard(func() error { return t.parse() })
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *table) parse() error {
	foot, err := footer(t.buf)
	if err != nil {
		return err
	}
	ft := root(foot)
	fields, err := readFields(ft)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	plan, err := planColumns(fields)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	t.columns = plan.columns
	pos, n, err := vector(ft, slot3, blockSize)
	if err != nil {
		return err
	}
	for i := range n {
		b, err := t.readBatch(plan, foot[pos+flatbuffers.UOffsetT(i*blockSize):][:blockSize])
		if err != nil {
			return fmt.Errorf("record batch %d: %w", i, err)
		}
		t.batches = append(t.batches, b)
		t.rows += int64(b.rows)
	}
	return nil
}

// footer finds the flatbuffer before the last ten bytes: its length and magic.
func footer(buf []byte) ([]byte, error) {
	const head, tail = 8, 10
	if len(buf) < head+tail || !bytes.HasPrefix(buf, magic) || !bytes.HasSuffix(buf, magic) {
		return nil, fmt.Errorf("found %d bytes that do not begin and end with ARROW1, expected a whole Arrow IPC file", len(buf))
	}
	end := len(buf) - tail
	size := int64(int32(binary.LittleEndian.Uint32(buf[end:])))
	if size < 8 || size > int64(end-head) {
		return nil, fmt.Errorf("found a footer of %d bytes in a file of %d", size, len(buf))
	}
	return buf[end-int(size) : end : end], nil
}

// columnPlan says at which node and buffer of a record batch each column starts.
type columnPlan struct {
	nodes, buffers int // in all
	fixed          [5]place
	columns        []Column
	hooks          []place
}

type place struct{ node, buffer int }

// fixedColumns are in every capture, before the hooks.
var fixedColumns = [5]struct {
	name string
	bits int
}{{"token_id", 32}, {"doc", 32}, {"window", 32}, {"pos", 32}, {"role", 8}}

// planColumns finds the columns of a capture in a schema. Columns that are none
// (group, sample, what others add) are stepped over.
func planColumns(fields []arrowField) (*columnPlan, error) {
	p := &columnPlan{}
	found := [5]bool{}
	for _, f := range fields {
		at := place{p.nodes, p.buffers}
		n, b, ok := f.layout()
		if !ok {
			return nil, fmt.Errorf("column %q is %s, which this reader cannot step over", f.name, f)
		}
		p.nodes, p.buffers = p.nodes+n, p.buffers+b
		if c, ok := f.column(); ok {
			p.columns, p.hooks = append(p.columns, c), append(p.hooks, at)
			continue
		}
		for i, want := range fixedColumns {
			if f.name != want.name {
				continue
			}
			if f.dict || f.typ != typeInt || f.bits != want.bits || f.signed != (want.bits == 32) {
				return nil, fmt.Errorf("column %q: found %s, expected %s", f.name, f, arrowField{typ: typeInt, bits: want.bits, signed: want.bits == 32})
			}
			p.fixed[i], found[i] = at, true
		}
	}
	for i, ok := range found {
		if !ok {
			return nil, fmt.Errorf("found no column %q", fixedColumns[i].name)
		}
	}
	return p, nil
}

// readBatch reads the message that a footer's block points at.
func (t *table) readBatch(p *columnPlan, block []byte) (batch, error) {
	off := int64(binary.LittleEndian.Uint64(block))
	meta := int64(int32(binary.LittleEndian.Uint32(block[8:])))
	body := int64(binary.LittleEndian.Uint64(block[16:]))
	size := int64(len(t.buf))
	if off < 8 || meta < 8 || body < 0 || off > size || meta > size-off || body > size-off-meta {
		return batch{}, fmt.Errorf("found metadata at %d of %d bytes and a body of %d in a file of %d", off, meta, body, size)
	}
	rb, err := recordBatch(t.buf[off : off+meta : off+meta])
	if err != nil {
		return batch{}, fmt.Errorf("at byte %d: %w", off, err)
	}
	r := batchReader{t: t, rb: rb, body: int(off + meta), size: body}
	b, err := r.read(p)
	if err != nil {
		return batch{}, fmt.Errorf("at byte %d: %w", off, err)
	}
	return b, nil
}

// recordBatch unwraps an encapsulated message: a continuation marker (absent in
// files of before 2019), the length of the flatbuffer, the flatbuffer.
func recordBatch(meta []byte) (flatbuffers.Table, error) {
	if binary.LittleEndian.Uint32(meta) == 0xffffffff {
		meta = meta[4:]
	}
	if len(meta) < 8 {
		return flatbuffers.Table{}, fmt.Errorf("found a message of %d bytes", len(meta))
	}
	n := int64(binary.LittleEndian.Uint32(meta))
	if n < 8 || n > int64(len(meta)-4) {
		return flatbuffers.Table{}, fmt.Errorf("found a message of %d bytes in %d", n, len(meta)-4)
	}
	msg := root(meta[4 : 4+n : 4+n])
	const headerRecordBatch = 3
	if h := msg.GetByteSlot(slot1, 0); h != headerRecordBatch {
		return flatbuffers.Table{}, fmt.Errorf("found message type %d, expected a record batch (%d)", h, headerRecordBatch)
	}
	rb, ok := sub(msg, slot2)
	if !ok {
		return flatbuffers.Table{}, fmt.Errorf("found a message without header")
	}
	return rb, nil
}

// maxRatio is the largest compression that a claim about sizes is believed.
const maxRatio = 1 << 12

// batchReader reads the buffers of one record batch.
type batchReader struct {
	t       *table
	rb      flatbuffers.Table
	body    int   // where the body starts in the file
	size    int64 // its length
	rows    int
	nodes   flatbuffers.UOffsetT
	buffers flatbuffers.UOffsetT
	codec   codec
}

func (r *batchReader) read(p *columnPlan) (batch, error) {
	if err := r.start(p); err != nil {
		return batch{}, err
	}
	b := batch{rows: r.rows, codec: r.codec}
	for i, dst := range []*[]int32{&b.token, &b.doc, &b.window, &b.pos} {
		raw, err := r.fixed(p.fixed[i], 4)
		if err != nil {
			return batch{}, fmt.Errorf("column %q: %w", fixedColumns[i].name, err)
		}
		*dst = int32s(raw)
	}
	raw, err := r.fixed(p.fixed[4], 1)
	if err != nil {
		return batch{}, fmt.Errorf("column %q: %w", fixedColumns[4].name, err)
	}
	b.role = raw
	for i, c := range p.columns {
		s, err := r.hook(p.hooks[i], c)
		if err != nil {
			return batch{}, fmt.Errorf("column %q: %w", c.Name, err)
		}
		b.hooks = append(b.hooks, s)
	}
	return b, nil
}

// start reads the counts of the batch and holds them to the schema's.
func (r *batchReader) start(p *columnPlan) error {
	rows := r.rb.GetInt64Slot(slot0, 0)
	if rows < 0 || rows > int64(len(r.t.buf))*maxRatio { // a row has at least the byte of its role
		return fmt.Errorf("found %d rows", rows)
	}
	r.rows = int(rows)
	var nNodes, nBuffers int
	var err error
	if r.nodes, nNodes, err = vector(r.rb, slot1, structSize); err != nil {
		return err
	}
	if r.buffers, nBuffers, err = vector(r.rb, slot2, structSize); err != nil {
		return err
	}
	if nNodes != p.nodes || nBuffers != p.buffers {
		return fmt.Errorf("found %d nodes and %d buffers, expected %d and %d", nNodes, nBuffers, p.nodes, p.buffers)
	}
	r.codec, err = batchCodec(r.rb)
	return err
}

// node checks a field node: its length, and that it has no nulls.
func (r *batchReader) node(i, rows int) error {
	p := r.nodes + flatbuffers.UOffsetT(i*structSize)
	n, nulls := r.rb.GetInt64(p), r.rb.GetInt64(p+8)
	if n != int64(rows) || nulls != 0 {
		return fmt.Errorf("found %d values with %d nulls, expected %d with none", n, nulls, rows)
	}
	return nil
}

// span locates buffer i, which must hold need bytes once decompressed.
func (r *batchReader) span(i, need int) (span, error) {
	p := r.buffers + flatbuffers.UOffsetT(i*structSize)
	off, n := r.rb.GetInt64(p), r.rb.GetInt64(p+8)
	if off < 0 || n < 0 || off > r.size || n > r.size-off {
		return span{}, fmt.Errorf("found a buffer of %d bytes at %d in a body of %d", n, off, r.size)
	}
	if r.codec == plain && n < int64(need) {
		return span{}, fmt.Errorf("found %d bytes, expected %d", n, need)
	}
	s := span{r.body + int(off), int(n)}
	if r.codec == plain {
		s.size = need
	}
	return s, nil
}

// fixed reads a whole column of numbers of size bytes.
func (r *batchReader) fixed(at place, size int) ([]byte, error) {
	if err := r.node(at.node, r.rows); err != nil {
		return nil, err
	}
	need := r.rows * size
	s, err := r.span(at.buffer+1, need)
	if err != nil {
		return nil, err
	}
	return r.codec.bytes(nil, r.t.buf[s.off:][:s.size], need)
}

// hook locates the values of a FixedSizeList: after the list's validity come
// the validity and the values of its child.
func (r *batchReader) hook(at place, c Column) (span, error) {
	if int64(r.rows)*int64(c.rowBytes()) > int64(len(r.t.buf))*maxRatio {
		return span{}, fmt.Errorf("found %d rows of %d bytes in a file of %d", r.rows, c.rowBytes(), len(r.t.buf))
	}
	if err := r.node(at.node, r.rows); err != nil {
		return span{}, err
	}
	if err := r.node(at.node+1, r.rows*c.Dim); err != nil {
		return span{}, fmt.Errorf("values: %w", err)
	}
	s, err := r.span(at.buffer+2, r.rows*c.rowBytes())
	if err != nil {
		return span{}, fmt.Errorf("values: %w", err)
	}
	return s, nil
}
