package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"

	"github.com/nlpodyssey/safetensors"
)

// maxHeader is the largest header that any reader of the format accepts.
const maxHeader = 100_000_000

// explain turns the library's verdict on a file into an error that names the
// file, the tensor, and what was found and expected. It never accepts a file
// that the library refused.
func explain(path string, buf []byte, cause error) error {
	if msg := diagnose(buf); msg != "" {
		return fmt.Errorf("safetensors: %s: %s: %w", path, msg, cause)
	}
	return fmt.Errorf("safetensors: %s: %w", path, cause)
}

// entry is a tensor's header in the loosest form that still has offsets.
type entry struct {
	name    string
	DType   string   `json:"dtype"`
	Shape   []uint64 `json:"shape"`
	Offsets []uint64 `json:"data_offsets"`
}

// diagnose says in words what is wrong with a file, "" when it finds nothing.
func diagnose(buf []byte) string {
	if len(buf) < 8 {
		return fmt.Sprintf("truncated: found %d bytes, expected at least 8", len(buf))
	}
	n, rest := binary.LittleEndian.Uint64(buf), uint64(len(buf)-8)
	switch {
	case n > maxHeader:
		return fmt.Sprintf("found a header length of %d bytes, expected at most %d (is this a safetensors file?)", n, maxHeader)
	case n > rest:
		return fmt.Sprintf("truncated: the header says %d bytes, found %d after the length", n, rest)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(buf[8:8+n], &raw); err != nil {
		return "the header is no JSON object of tensors"
	}
	entries, msg := readEntries(raw)
	if msg != "" {
		return msg
	}
	return checkEntries(entries, rest-n)
}

func readEntries(raw map[string]json.RawMessage) ([]entry, string) {
	var out []entry
	for name, r := range raw {
		if name == "__metadata__" {
			continue
		}
		e := entry{name: name}
		if err := json.Unmarshal(r, &e); err != nil {
			return nil, fmt.Sprintf("tensor %q: %v", name, err)
		}
		if len(e.Offsets) != 2 {
			return nil, fmt.Sprintf("tensor %q: found %d data_offsets, expected 2", name, len(e.Offsets))
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b entry) int { return cmpOffsets(a.Offsets, b.Offsets) })
	return out, ""
}

func cmpOffsets(a, b []uint64) int { return slices.Compare(a, b) }

// checkEntries walks tensors in the order of their data and reports the first
// that does not fit; data is the length of the file's data block.
func checkEntries(entries []entry, data uint64) string {
	end := uint64(0)
	for _, e := range entries {
		from, to := e.Offsets[0], e.Offsets[1]
		if from != end || to < from {
			return fmt.Sprintf("tensor %q: found data at [%d, %d), expected it to start at %d", e.name, from, to, end)
		}
		dt, err := safetensors.ParseDType(e.DType)
		if err != nil {
			return fmt.Sprintf("tensor %q: found dtype %q, expected F64, F32, F16, BF16 or an integer type", e.name, e.DType)
		}
		if want, ok := product(dt.Size(), e.Shape); !ok || to-from != want {
			return fmt.Sprintf("tensor %q: found %d bytes of data, expected %s of shape %v to have %d", e.name, to-from, e.DType, e.Shape, want)
		}
		end = to
	}
	switch {
	case end > data:
		return fmt.Sprintf("truncated: found %d bytes of data, expected %d", data, end)
	case end < data:
		return fmt.Sprintf("found %d bytes of data, expected %d: %d trailing bytes belong to no tensor", data, end, data-end)
	}
	return ""
}

// product multiplies size by all of shape; ok is false on overflow.
func product(size uint64, shape []uint64) (p uint64, ok bool) {
	p = size
	for _, n := range shape {
		hi, lo := bits.Mul64(p, n)
		if hi != 0 {
			return 0, false
		}
		p = lo
	}
	return p, true
}
