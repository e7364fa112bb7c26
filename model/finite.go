package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"agar/model/tensor"
)

// guard checks once that the weights of one group (a block, or an end of the
// model) are finite. Every forward passes the guard of a group before it uses
// it, so that opening stays fast and no number comes out of a NaN.
type guard struct {
	once sync.Once
	err  error
}

// finite passes the guard of group g: a block, −1 for the embedding, Layers for
// the final norm and the unembedding.
func (m *Model) finite(g int) error {
	if m.skipCheck {
		return nil
	}
	at := &m.guards[g+1]
	at.once.Do(func() { at.err = m.w.check(g) })
	return at.err
}

// finiteEnd passes the guards of the final norm and the unembedding, which may be
// the embedding.
func (m *Model) finiteEnd() error {
	if m.Spec.TieEmbeddings {
		if err := m.finite(-1); err != nil {
			return err
		}
	}
	return m.finite(m.Spec.Layers)
}

// Check scans every weight that has not been looked at yet, as a Forward through
// all blocks would; the error wraps ErrNotFinite and names file and tensor. Open
// has done it for models up to 64 MiB.
func (m *Model) Check() error {
	for g := -1; g <= m.Spec.Layers; g++ {
		if err := m.finite(g); err != nil {
			return err
		}
	}
	return nil
}

// check scans all tensors of a group.
func (w *weights) check(group int) error {
	for i := range w.stored {
		t := &w.stored[i]
		if t.group != group {
			continue
		}
		if bad := t.firstBad(); bad >= 0 {
			return fmt.Errorf("model: %s: tensor %q: %w: element [%d, %d]", t.file, t.name, ErrNotFinite, bad/int64(t.cols), bad%int64(t.cols))
		}
	}
	return nil
}

// scanPiece is how many bytes one goroutine scans at a time, less what does not
// make a whole block.
const scanPiece = 1 << 20

// firstBad is the index of the first element, or the first of the first
// quantised block, that is NaN or infinite; −1 when there is none.
func (t *stored) firstBad() int64 {
	elems, size := t.dtype.Block()
	piece := scanPiece / size * size
	n := (len(t.data) + piece - 1) / piece
	var first atomic.Int64
	first.Store(math.MaxInt64)
	tensor.Parallel(n, func(i int) {
		lo := i * piece
		bad := badIn(t.dtype, t.data[lo:min(lo+piece, len(t.data))])
		if bad < 0 {
			return
		}
		at := int64(lo/size)*int64(elems) + int64(bad)
		for old := first.Load(); at < old && !first.CompareAndSwap(old, at); old = first.Load() {
		}
	})
	if at := first.Load(); at < math.MaxInt64 {
		return at
	}
	return -1
}

// badIn is the index of the first bad element of whole units, −1 for none.
func badIn(dt tensor.DType, data []byte) int {
	switch dt {
	case tensor.F32:
		return badLane(data, 32, 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000)
	case tensor.F16:
		return badLane(data, 16, 0x7c007c00_7c007c00, 0x04000400_04000400, 0x80008000_80008000)
	case tensor.BF16:
		return badLane(data, 16, 0x7f807f80_7f807f80, 0x00800080_00800080, 0x80008000_80008000)
	case tensor.F64:
		return badF64(data)
	}
	return badScale(dt, data)
}

// badLane looks for floats whose exponent is all ones, eight bytes at a time:
// adding one to the exponent then carries into the sign bit of the lane, and
// nowhere else.
func badLane(data []byte, bits int, exponent, one, sign uint64) int {
	const stretch = 4096
	for lo := 0; lo < len(data); lo += stretch {
		piece := data[lo:min(lo+stretch, len(data))]
		var seen uint64
		for ; len(piece) >= 8; piece = piece[8:] {
			seen |= binary.LittleEndian.Uint64(piece)&exponent + one
		}
		var rest [8]byte
		copy(rest[:], piece)
		seen |= binary.LittleEndian.Uint64(rest[:])&exponent + one
		if seen&sign != 0 {
			return lo/(bits/8) + firstLane(data[lo:], bits/8, exponent, one, sign)
		}
	}
	return -1
}

// firstLane finds the lane that badLane saw.
func firstLane(data []byte, size int, exponent, one, sign uint64) int {
	for i := 0; i < len(data); i += size {
		var lane [8]byte
		copy(lane[:size], data[i:])
		if (binary.LittleEndian.Uint64(lane[:])&exponent+one)&sign != 0 {
			return i / size
		}
	}
	return -1
}

// badF64 also refuses values beyond float32, which would become infinite.
func badF64(data []byte) int {
	for i := 0; i+8 <= len(data); i += 8 {
		v := float32(math.Float64frombits(binary.LittleEndian.Uint64(data[i:])))
		if v-v != 0 {
			return i / 8
		}
	}
	return -1
}

// badScale looks at the float16 scales of every quantised block.
func badScale(dt tensor.DType, data []byte) int {
	elems, size := dt.Block()
	scales := dt.Scales()
	for i := 0; i+size <= len(data); i += size {
		for _, at := range scales {
			if data[i+at+1]&0x7c == 0x7c { // the exponent of a float16, all ones
				return i / size * elems
			}
		}
	}
	return -1
}
