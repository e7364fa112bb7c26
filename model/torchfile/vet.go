package torchfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Kinds of arguments that follow an instruction of a pickle.
const (
	argNone   = 0
	argLines  = -1 // two lines, the module and the name of a global
	argText1  = -2 // a length of one byte and as many bytes
	argText4  = -3 // a length of four bytes and as many bytes
	argNumber = -4 // a length of one byte, 1 … 8, and an integer of as many bytes
)

// instruction is one that torch.save writes: its argument (a number of bytes, or
// one of the kinds) and an upper estimate of what gopickle allocates for it.
type instruction struct {
	name string
	arg  int
	cost int
}

// instructions are those of protocol 2 that plain data and tensors need.
var instructions = map[byte]instruction{
	'\x80': {"PROTO", 1, 0}, '.': {"STOP", argNone, 0}, '(': {"MARK", argNone, 512},
	'N': {"NONE", argNone, 32}, '\x88': {"NEWTRUE", argNone, 32}, '\x89': {"NEWFALSE", argNone, 32},
	'J': {"BININT", 4, 64}, 'K': {"BININT1", 1, 64}, 'M': {"BININT2", 2, 64}, '\x8a': {"LONG1", argNumber, 64}, 'G': {"BINFLOAT", 8, 64},
	'X': {"BINUNICODE", argText4, 64}, 'U': {"SHORT_BINSTRING", argText1, 64}, 'T': {"BINSTRING", argText4, 64},
	'}': {"EMPTY_DICT", argNone, 256}, ']': {"EMPTY_LIST", argNone, 128}, ')': {"EMPTY_TUPLE", argNone, 64},
	't': {"TUPLE", argNone, 64}, '\x85': {"TUPLE1", argNone, 64}, '\x86': {"TUPLE2", argNone, 96}, '\x87': {"TUPLE3", argNone, 96},
	'a': {"APPEND", argNone, 64}, 'e': {"APPENDS", argNone, 64}, 's': {"SETITEM", argNone, 256}, 'u': {"SETITEMS", argNone, 64},
	'q': {"BINPUT", 1, 128}, 'r': {"LONG_BINPUT", 4, 128}, 'h': {"BINGET", 1, 32}, 'j': {"LONG_BINGET", 4, 32},
	'c': {"GLOBAL", argLines, 256}, 'R': {"REDUCE", argNone, 768}, 'b': {"BUILD", argNone, 64}, 'Q': {"BINPERSID", argNone, 256},
}

// itemCost is added for every value on the stack that an instruction may put into
// a dictionary.
const itemCost = 192

// vetter walks through a pickle without building anything.
type vetter struct {
	data   []byte
	pos    int
	left   int64          // what may still be allocated
	last   int            // length of the string pushed last, 0 when something else was
	memo   map[uint32]int // lengths of the strings that were stored
	budget int64
}

// vet looks at every instruction of the pickle at the start of data, and gives the
// position behind its STOP. budget is what reading it may allocate, in bytes.
func vet(data []byte, budget int64) (end int, err error) {
	v := &vetter{data: data, left: budget, budget: budget, memo: map[uint32]int{}}
	for {
		at := v.pos
		if at >= len(data) {
			return 0, fmt.Errorf("pickle at byte %d: found its end, expected STOP", at)
		}
		op, ok := instructions[data[at]]
		if !ok {
			return 0, fmt.Errorf("pickle at byte %d: found instruction 0x%02x, expected one that torch.save writes (protocol 2)", at, data[at])
		}
		v.pos++
		if err := v.step(data[at], op); err != nil {
			return 0, fmt.Errorf("pickle at byte %d: %s: %w", at, op.name, err)
		}
		if v.left < 0 {
			return 0, fmt.Errorf("pickle at byte %d: reading it would need more than %d bytes of memory, expected at most 8 times the file", at, v.budget)
		}
		if op.name == "STOP" {
			return v.pos, nil
		}
	}
}

// step passes over the argument of an instruction and counts its cost.
func (v *vetter) step(code byte, op instruction) error {
	arg, err := v.argument(op.arg)
	if err != nil {
		return err
	}
	v.left -= int64(op.cost + 4*len(arg) + itemCost)
	switch op.name {
	case "PROTO":
		if arg[0] > 2 {
			return fmt.Errorf("found pickle protocol %d, expected 2", arg[0])
		}
	case "BINPUT", "LONG_BINPUT":
		v.memo[index(arg)] = v.last
		return nil
	case "BINGET", "LONG_BINGET":
		// A long string may be fetched over and over, and gopickle writes out the
		// values that it complains about.
		length, ok := v.memo[index(arg)]
		if !ok {
			return fmt.Errorf("found a reference to value %d, expected one that was stored before", index(arg))
		}
		v.last = length
		v.left -= 4 * int64(length)
		return nil
	}
	v.last = 0
	if code == 'X' || code == 'U' || code == 'T' {
		v.last = len(arg)
	}
	return nil
}

// argument takes the argument of an instruction.
func (v *vetter) argument(kind int) ([]byte, error) {
	switch kind {
	case argText1:
		n, err := v.take(1)
		if err != nil {
			return nil, err
		}
		return v.take(int(n[0]))
	case argText4:
		n, err := v.take(4)
		if err != nil {
			return nil, err
		}
		return v.take(int(binary.LittleEndian.Uint32(n)))
	case argNumber:
		n, err := v.take(1)
		if err == nil && (n[0] == 0 || n[0] > 8) {
			return nil, fmt.Errorf("found an integer of %d bytes, expected 1 to 8", n[0])
		}
		if err != nil {
			return nil, err
		}
		return v.take(int(n[0]))
	case argLines:
		return v.global()
	}
	return v.take(kind)
}

// take gives the next n bytes.
func (v *vetter) take(n int) ([]byte, error) {
	if n > len(v.data)-v.pos {
		return nil, fmt.Errorf("found %d bytes to the end, expected %d", len(v.data)-v.pos, n)
	}
	v.pos += n
	return v.data[v.pos-n : v.pos], nil
}

// global reads module and name, and refuses all that are not in the table.
func (v *vetter) global() ([]byte, error) {
	start := v.pos
	for range 2 {
		n := bytes.IndexByte(v.data[v.pos:], '\n')
		if n < 0 || n > maxGlobal {
			return nil, fmt.Errorf("found no end of the line, expected a name")
		}
		v.pos += n + 1
	}
	name := string(bytes.Replace(v.data[start:v.pos-1], []byte{'\n'}, []byte{'.'}, 1))
	if _, ok := globals[name]; !ok {
		return nil, fmt.Errorf("%w: found %q, expected tensors, storages and ordered dictionaries only", ErrClass, name)
	}
	return v.data[start:v.pos], nil
}

// maxGlobal is the longest module or name that is looked at.
const maxGlobal = 200

// index is the argument of the instructions on stored values.
func index(arg []byte) uint32 {
	if len(arg) == 1 {
		return uint32(arg[0])
	}
	return binary.LittleEndian.Uint32(arg)
}
