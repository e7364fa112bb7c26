package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/nlpodyssey/safetensors"
)

// Out is a tensor to write: F32 holds the row-major values of Shape.
type Out struct {
	Name  string
	Shape []int
	F32   []float32
}

// Write writes ts as float32 tensors with meta as __metadata__ (nil for none).
// The bytes depend on names, shapes and values only: tensors are sorted by
// name whatever the order of ts, header keys too, and the header is padded
// with spaces so that data starts at a multiple of 8. One tensor at a time is
// held as bytes.
func Write(w io.Writer, ts []Out, meta map[string]string) error {
	views := make(map[string]view, len(ts))
	for _, t := range ts {
		if err := check(t); err != nil {
			return fmt.Errorf("safetensors: %w", err)
		}
		if _, twice := views[t.Name]; twice {
			return fmt.Errorf("safetensors: tensor %q given twice", t.Name)
		}
		views[t.Name] = view{t}
	}
	if err := safetensors.SerializeToWriter(views, meta, w); err != nil {
		return fmt.Errorf("safetensors: write: %w", err)
	}
	return nil
}

func check(t Out) error {
	if t.Name == "" || t.Name == "__metadata__" {
		return fmt.Errorf("tensor name %q is not allowed", t.Name)
	}
	n := 1
	for _, d := range t.Shape {
		if d < 0 {
			return fmt.Errorf("tensor %q: negative dimension in shape %v", t.Name, t.Shape)
		}
		n *= d
	}
	if n != len(t.F32) {
		return fmt.Errorf("tensor %q: found %d values, shape %v expects %d", t.Name, len(t.F32), t.Shape, n)
	}
	return nil
}

// view hands an Out to the library, turned into bytes only when asked.
type view struct{ t Out }

func (v view) DType() safetensors.DType { return safetensors.F32 }
func (v view) DataLen() uint64          { return uint64(4 * len(v.t.F32)) }

func (v view) Shape() []uint64 {
	s := make([]uint64, len(v.t.Shape))
	for i, n := range v.t.Shape {
		s[i] = uint64(n)
	}
	return s
}

func (v view) Data() []byte {
	b := make([]byte, 4*len(v.t.F32))
	for i, x := range v.t.F32 {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return b
}
