package activations

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"agar/activations/blob"
	"agar/model/tensor"
)

// npy is a mapped .npy file (NEP 1: magic, version, length and a Python
// dictionary as header, then the data).
type npy struct {
	path  string
	descr string // '<f4' and the like
	shape []int
	data  []byte
	r     blob.Reader
}

// npySizes are the element types that are read, with their bytes. numpy has no
// bf16; safetensors do.
var npySizes = map[string]int{"<f2": 2, "<f4": 4, "<f8": 8, "<i4": 4, "<i8": 8, "|u1": 1, "|i1": 1, "bf16": 2}

var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([0-9, ]*)\)`)
)

// openNPY maps a file and reads its header. Errors name the file.
func openNPY(path string) (*npy, error) {
	r, err := blob.Dir(filepath.Dir(path)).Open(filepath.Base(path))
	if err != nil {
		return nil, fmt.Errorf("activations: %w", err)
	}
	buf, err := contents(r)
	if err == nil {
		var f *npy
		if f, err = parseNPY(buf); err == nil {
			f.path, f.r = path, r
			return f, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("activations: %s: %w", path, err), r.Close())
}

func parseNPY(buf []byte) (*npy, error) {
	header, data, err := npyHeader(buf)
	if err != nil {
		return nil, err
	}
	d, o, s := npyDescr.FindSubmatch(header), npyFortran.FindSubmatch(header), npyShape.FindSubmatch(header)
	if d == nil || o == nil || s == nil {
		return nil, fmt.Errorf("found the .npy header %.100q, expected descr, fortran_order and shape", header)
	}
	f := &npy{descr: string(d[1])}
	size := npySizes[f.descr]
	if size == 0 || f.descr == "bf16" {
		return nil, fmt.Errorf("found elements %q, expected little-endian float16, float32, float64 or integers", f.descr)
	}
	n := 1
	for _, w := range strings.Split(string(s[1]), ",") {
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		k, err := strconv.Atoi(w)
		if err != nil || k < 0 || k > 0 && n > math.MaxInt/size/k {
			return nil, fmt.Errorf("found shape (%s), expected one that fits in memory", s[1])
		}
		n *= k
		f.shape = append(f.shape, k)
	}
	if string(o[1]) == "True" && len(f.shape) > 1 {
		return nil, errors.New("found Fortran order, expected C order (numpy.ascontiguousarray)")
	}
	if len(data) != n*size {
		return nil, fmt.Errorf("found %d bytes of data, expected %d for shape %v of %s", len(data), n*size, f.shape, f.descr)
	}
	f.data = data
	return f, nil
}

// npyHeader splits a file into the dictionary and the data.
func npyHeader(buf []byte) (header, data []byte, err error) {
	if len(buf) < 12 || !bytes.HasPrefix(buf, []byte("\x93NUMPY")) {
		return nil, nil, fmt.Errorf("found no .npy header in %d bytes", len(buf))
	}
	n, at := int64(binary.LittleEndian.Uint16(buf[8:])), 10
	switch v := buf[6]; v {
	case 1:
	case 2, 3:
		n, at = int64(binary.LittleEndian.Uint32(buf[8:])), 12
	default:
		return nil, nil, fmt.Errorf("found .npy version %d, expected 1 to 3", v)
	}
	if n > int64(len(buf)-at) {
		return nil, nil, fmt.Errorf("found a .npy header of %d bytes in %d", n, len(buf))
	}
	return buf[at : at+int(n)], buf[at+int(n):], nil
}

func (f *npy) Close() error { return f.r.Close() }

// matrix sees the file as rows, all dimensions but the last put together.
func (f *npy) matrix() (*arrayRows, error) {
	if len(f.shape) < 2 || f.shape[len(f.shape)-1] < 1 || f.shape[len(f.shape)-1] > maxDim || !strings.HasPrefix(f.descr, "<f") {
		return nil, fmt.Errorf("activations: %s: found shape %v of %s, expected rows of floats", f.path, f.shape, f.descr)
	}
	d := f.shape[len(f.shape)-1]
	return newArrayRows(f.data, f.descr, d)
}

// newArrayRows checks that rows can be counted.
func newArrayRows(data []byte, descr string, d int) (*arrayRows, error) {
	a := &arrayRows{data: data, descr: descr, d: d}
	if a.len() > math.MaxUint32 {
		return nil, fmt.Errorf("activations: found %d rows, expected at most %d", a.len(), uint32(math.MaxUint32))
	}
	return a, nil
}

// arrayRows is a dense array of floats as a matrix.
type arrayRows struct {
	data  []byte
	descr string // <f2, <f4, <f8 or bf16
	d     int
}

func (a *arrayRows) len() int64    { return int64(len(a.data) / a.rowBytes()) }
func (a *arrayRows) dim() int      { return a.d }
func (a *arrayRows) rowBytes() int { return a.d * npySizes[a.descr] }

func (a *arrayRows) gather(dst *Rows, index []uint32) error {
	dst.resize(len(index), a.d, false)
	tensor.Parallel((len(index)+gatherChunk-1)/gatherChunk, func(k int) {
		for i := k * gatherChunk; i < min((k+1)*gatherChunk, len(index)); i++ {
			a.decode(dst.Row(i), int64(index[i]), 1)
			dst.Index[i] = int64(index[i])
		}
	})
	return nil
}

// decode widens or rounds n rows from row on to float32.
func (a *arrayRows) decode(dst []float32, row int64, n int) {
	size := a.rowBytes()
	src := a.data[row*int64(size):][:n*size]
	switch a.descr {
	case "<f2":
		tensor.F16ToF32(dst[:n*a.d], src)
	case "bf16":
		tensor.BF16ToF32(dst[:n*a.d], src)
	case "<f4":
		copy(floatBytes(dst[:n*a.d]), src)
	default:
		for i := range dst[:n*a.d] {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	}
}

func (a *arrayRows) touch(from, to int64) {
	size := int64(a.rowBytes())
	touchPages(a.data[from*size : to*size])
}

// npySource is a Source over a file that it closes.
type npySource struct {
	Source
	f *npy
}

func (s npySource) Len() int64              { return s.Source.(Seeker).Len() }
func (s npySource) SeekRow(row int64) error { return s.Source.(Seeker).SeekRow(row) }
func (s npySource) Close() error            { return s.f.Close() }

// OpenNPY reads the rows of a .npy file of float16, float32 or float64 in C
// order, all dimensions but the last put together. The file is mapped. Its rows
// have no provenance; the Source is a Seeker and an io.Closer.
func OpenNPY(path string) (Source, error) {
	return sourceOf(path, func(m matrix) Source { return &sequential{m: m, sel: selectAll(m.len())} })
}

// ShuffledNPY is OpenNPY with the rows in an order that seed decides.
func ShuffledNPY(path string, seed uint64) (Source, error) {
	return sourceOf(path, func(m matrix) Source { return newShuffled(m, selectAll(m.len()), seed, shuffleBudget()) })
}

func sourceOf(path string, make func(matrix) Source) (Source, error) {
	f, err := openNPY(path)
	if err != nil {
		return nil, err
	}
	m, err := f.matrix()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return npySource{make(m), f}, nil
}

// ints reads the file as integers.
func (f *npy) ints() ([]int32, error) {
	out := make([]int32, len(f.data)/npySizes[f.descr])
	for i := range out {
		var v int64
		switch f.descr {
		case "<i8":
			v = int64(binary.LittleEndian.Uint64(f.data[8*i:]))
		case "<i4":
			v = int64(int32(binary.LittleEndian.Uint32(f.data[4*i:])))
		case "|u1":
			v = int64(f.data[i])
		case "|i1":
			v = int64(int8(f.data[i]))
		default:
			return nil, fmt.Errorf("activations: %s: found elements %q, expected integers", f.path, f.descr)
		}
		if v != int64(int32(v)) {
			return nil, fmt.Errorf("activations: %s: element %d: found %d, expected an int32", f.path, i, v)
		}
		out[i] = int32(v)
	}
	return out, nil
}
