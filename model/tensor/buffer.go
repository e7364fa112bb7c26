package tensor

import (
	"encoding/binary"
	"runtime"
	"sync"
	"unsafe"
)

// aligned makes n zeroed floats that start at a multiple of 64 bytes.
func aligned(n int) []float32 {
	b := make([]float32, n+15)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63 / 4)
	return b[off : off+n : off+n]
}

// littleEndian says whether float32 memory has the byte order of the files.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// asFloats is b seen as float32 numbers without copying, or nil when its start
// or the machine's byte order does not allow that.
func asFloats(b []byte) []float32 {
	p := unsafe.SliceData(b)
	if !littleEndian || len(b) == 0 || uintptr(unsafe.Pointer(p))%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), len(b)/4)
}

// buffer is float32 memory that comes from a pool and grows when asked to.
type buffer struct{ data []float32 }

// take returns n floats of any content, aligned to 64 bytes.
func (b *buffer) take(n int) []float32 {
	if cap(b.data) < n {
		b.data = aligned(n + n/4)
	}
	return b.data[:n]
}

// ScratchBytes bounds what the products of one caller keep in buffers: a chunk of
// packed rows, one of packed panels, each a quarter larger than asked for, and what
// every thread has for its tiles. By planes the packed panels have as much instead, and
// LinearAdd twice that.
func ScratchBytes() int64 {
	return (rowChunk+panelChunk)*5/4 + int64(runtime.GOMAXPROCS(0))<<20
}

// scratches hold the memory of one goroutine's tile.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

// scratch is what one goroutine needs while it computes a block of a product.
type scratch struct {
	sum   buffer // partial sums of a block that is to be added at the end
	panel buffer // a panel packed for this block only
	edge  buffer // a tile that hangs over the edge
}
