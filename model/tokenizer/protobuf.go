package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math"
)

// protoField is one field of a protocol buffers message: a number, or bytes
// that lie in the message.
type protoField struct {
	number int
	value  uint64 // varint, fixed32 or fixed64
	data   []byte // length-delimited, else nil
}

// float is the value of a fixed32 field of type float.
func (f *protoField) float() float32 { return math.Float32frombits(uint32(f.value)) }

// flag is the value of a bool field.
func (f *protoField) flag() bool { return f.value != 0 }

// eachField calls f with the fields of a message in order. Groups, which
// nothing writes any more, are refused.
func eachField(msg []byte, f func(protoField) error) error {
	for pos := 0; pos < len(msg); {
		field, n, err := readField(msg[pos:])
		if err == nil {
			err = f(field)
		}
		if err != nil {
			return fmt.Errorf("byte %d: %w", pos, err)
		}
		pos += n
	}
	return nil
}

// readField reads the field at the start of b.
func readField(b []byte) (f protoField, n int, err error) {
	key, n := binary.Uvarint(b)
	if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
		return f, 0, fmt.Errorf("found no key of a field")
	}
	f.number = int(key >> 3)
	size := 0
	switch key & 7 {
	case 0:
		var m int
		if f.value, m = binary.Uvarint(b[n:]); m <= 0 {
			return f, 0, fmt.Errorf("field %d: found no number", f.number)
		}
		return f, n + m, nil
	case 1:
		size = 8
	case 5:
		size = 4
	case 2:
		length, m := binary.Uvarint(b[n:])
		if m <= 0 || length > uint64(len(b)-n-m) {
			return f, 0, fmt.Errorf("field %d: found a length of %d with %d bytes left", f.number, length, len(b)-n)
		}
		n += m
		f.data = b[n : n+int(length) : n+int(length)]
		return f, n + int(length), nil
	default:
		return f, 0, fmt.Errorf("field %d: found wire type %d, expected 0, 1, 2 or 5", f.number, key&7)
	}
	if len(b)-n < size {
		return f, 0, fmt.Errorf("field %d: found %d bytes, expected %d", f.number, len(b)-n, size)
	}
	for i := size - 1; i >= 0; i-- {
		f.value = f.value<<8 | uint64(b[n+i])
	}
	return f, n + size, nil
}
