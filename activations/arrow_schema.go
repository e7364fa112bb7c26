package activations

import (
	"fmt"
	"math"
	"strings"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Arrow's flatbuffers are read field by field through the slots that
// format/Schema.fbs, Message.fbs and File.fbs number: slot k of a table is the
// vtable entry 4+2k. Reading outside of the bytes panics inside the flatbuffers
// package; guard turns that into an error.

const (
	slot0 = flatbuffers.VOffsetT(4 + 2*iota)
	slot1
	slot2
	slot3
	slot4
	slot5
)

// Members of Arrow's Type union that matter here.
const (
	typeNull          = 1
	typeInt           = 2
	typeFloat         = 3
	typeBinary        = 4
	typeUtf8          = 5
	typeBool          = 6
	typeInterval      = 11
	typeList          = 12
	typeStruct        = 13
	typeFixedBinary   = 15
	typeFixedSizeList = 16
	typeMap           = 17
	typeDuration      = 18
	typeLargeBinary   = 19
	typeLargeUtf8     = 20
	typeLargeList     = 21
)

// arrowField is a field of an Arrow schema, as far as it is needed to find
// buffers and to tell types apart.
type arrowField struct {
	name     string
	typ      byte
	bits     int  // of an int
	signed   bool // of an int
	half     bool // of a float
	single   bool // of a float
	size     int  // of a fixed-size list
	dict     bool
	children []arrowField
}

// maxDepth and maxFields bound what a schema may hold: offsets of a hostile file
// can share children, so that a small file describes an endless tree.
const (
	maxDepth  = 16
	maxFields = 1 << 16
)

// guard runs f and returns its error, or what the flatbuffers package panicked
// with when an offset led out of the bytes.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed Arrow metadata: %v", r)
		}
	}()
	return f()
}

// root is the root table of a finished flatbuffer.
func root(b []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}
}

// sub follows the table in a slot; ok is false when there is none.
func sub(t flatbuffers.Table, slot flatbuffers.VOffsetT) (flatbuffers.Table, bool) {
	o := flatbuffers.UOffsetT(t.Offset(slot))
	if o == 0 {
		return flatbuffers.Table{}, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(o + t.Pos)}, true
}

// vector gives the position and length of the vector in a slot, whose elements
// take size bytes each.
func vector(t flatbuffers.Table, slot flatbuffers.VOffsetT, size int) (flatbuffers.UOffsetT, int, error) {
	o := flatbuffers.UOffsetT(t.Offset(slot))
	if o == 0 {
		return 0, 0, nil
	}
	pos, n := t.Vector(o), t.VectorLen(o)
	if int64(pos)+int64(n)*int64(size) > int64(len(t.Bytes)) {
		return 0, 0, fmt.Errorf("malformed Arrow metadata: a vector of %d elements ends outside", n)
	}
	return pos, n, nil
}

func i16(t flatbuffers.Table, slot flatbuffers.VOffsetT, absent int16) int16 {
	return t.GetInt16Slot(slot, absent)
}

// readFields reads the schema in slot 1 of a footer.
func readFields(footer flatbuffers.Table) ([]arrowField, error) {
	schema, ok := sub(footer, slot1)
	if !ok {
		return nil, fmt.Errorf("found no schema")
	}
	if e := i16(schema, slot0, 0); e != 0 {
		return nil, fmt.Errorf("found big-endian data, expected little-endian")
	}
	left := maxFields
	return readChildren(schema, slot1, 0, &left)
}

func readChildren(t flatbuffers.Table, slot flatbuffers.VOffsetT, depth int, left *int) ([]arrowField, error) {
	pos, n, err := vector(t, slot, 4)
	if err != nil || n == 0 {
		return nil, err
	}
	if *left -= n; depth > maxDepth || *left < 0 {
		return nil, fmt.Errorf("found more than %d fields or fields nested deeper than %d", maxFields, maxDepth)
	}
	out := make([]arrowField, n)
	for i := range out {
		p := pos + flatbuffers.UOffsetT(4*i)
		if out[i], err = readField(flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(p)}, depth, left); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func readField(t flatbuffers.Table, depth int, left *int) (arrowField, error) {
	var f arrowField
	if o := flatbuffers.UOffsetT(t.Offset(slot0)); o != 0 {
		f.name = strings.Clone(t.String(o + t.Pos))
	}
	f.typ = t.GetByteSlot(slot2, 0)
	f.dict = t.Offset(slot4) != 0
	if typ, ok := sub(t, slot3); ok {
		switch f.typ {
		case typeInt:
			f.bits, f.signed = int(typ.GetInt32Slot(slot0, 0)), typ.GetBoolSlot(slot1, false)
		case typeFloat:
			p := i16(typ, slot0, 0)
			f.half, f.single = p == 0, p == 1
		case typeFixedSizeList:
			f.size = int(typ.GetInt32Slot(slot0, 0))
		}
	}
	var err error
	f.children, err = readChildren(t, slot5, depth+1, left)
	return f, err
}

// String says in words what the type is.
func (f arrowField) String() string {
	switch {
	case f.dict:
		return "a dictionary"
	case f.typ == typeInt && f.signed:
		return fmt.Sprintf("int%d", f.bits)
	case f.typ == typeInt:
		return fmt.Sprintf("uint%d", f.bits)
	case f.typ == typeFloat && f.half:
		return "float16"
	case f.typ == typeFloat && f.single:
		return "float32"
	case f.typ == typeFloat:
		return "float64"
	case f.typ == typeFixedSizeList && len(f.children) == 1:
		return fmt.Sprintf("FixedSizeList<%s>[%d]", f.children[0], f.size)
	}
	return fmt.Sprintf("Arrow type %d", f.typ)
}

// layout counts the nodes and buffers that a field takes in a record batch; ok
// is false for layouts that this reader does not walk.
func (f arrowField) layout() (nodes, buffers int, ok bool) {
	nodes = 1
	switch t := f.typ; {
	case f.dict:
		return 1, 2, true
	case t == typeNull:
		return 1, 0, true
	case t == typeInt, t == typeFloat, t >= typeBool && t <= typeInterval, t == typeFixedBinary, t == typeDuration:
		buffers = 2
	case t == typeBinary, t == typeUtf8, t == typeLargeBinary, t == typeLargeUtf8:
		buffers = 3
	case t == typeList, t == typeMap, t == typeLargeList:
		buffers = 2
	case t == typeStruct, t == typeFixedSizeList:
		buffers = 1
	default:
		return 0, 0, false
	}
	for _, c := range f.children {
		n, b, ok := c.layout()
		if !ok || n > math.MaxInt32-nodes {
			return 0, 0, false
		}
		nodes, buffers = nodes+n, buffers+b
	}
	return nodes, buffers, true
}

// column sees the field as a hook; ok is false when it is none.
func (f arrowField) column() (Column, bool) {
	if f.dict || f.typ != typeFixedSizeList || len(f.children) != 1 || f.size < 1 || f.size > maxDim {
		return Column{}, false
	}
	v := f.children[0]
	switch {
	case v.dict || v.typ != typeFloat:
		return Column{}, false
	case v.half:
		return Column{f.name, f.size, F16}, true
	case v.single:
		return Column{f.name, f.size, F32}, true
	}
	return Column{}, false
}
