package activations

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npyFile builds a .npy file of version 1.
func npyFile(descr, order, shape string, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr, order, shape)
	header += strings.Repeat(" ", 63-(len(header)+10)%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(out, header...), data...)
}

func le(values ...any) []byte {
	var out []byte
	for _, v := range values {
		out, _ = binary.Append(out, binary.LittleEndian, v)
	}
	return out
}

func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpenNPY(t *testing.T) {
	half := []uint16{0x3c00, 0xc000, 0x3555, 0x0001} // 1, −2, 0.33325195, 2⁻²⁴
	for _, c := range []struct {
		name string
		file []byte
		dim  int
		want []float32
	}{
		{"float16", npyFile("<f2", "False", "2, 2", le(half)), 2, []float32{1, -2, 0.33325195, 0x1p-24}},
		{"float32", npyFile("<f4", "False", "1, 3", le([]float32{1, 2, 3})), 3, []float32{1, 2, 3}},
		{"float64", npyFile("<f8", "False", "3, 1", le([]float64{1, math.Pi, -1e300})), 1, []float32{1, math.Pi, float32(math.Inf(-1))}},
		{"three dimensions", npyFile("<f4", "False", "2, 1, 2", le([]float32{1, 2, 3, 4})), 2, []float32{1, 2, 3, 4}},
		{"no rows", npyFile("<f4", "False", "0, 5", nil), 5, nil},
	} {
		path := writeFile(t, "x.npy", c.file)
		for _, open := range []func() (Source, error){func() (Source, error) { return OpenNPY(path) }, func() (Source, error) { return ShuffledNPY(path, 5) }} {
			src, err := open()
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if src.Dim() != c.dim || src.(Seeker).Len() != int64(len(c.want)/c.dim) {
				t.Errorf("%s: found %d rows of %d", c.name, src.(Seeker).Len(), src.Dim())
			}
			rows := readAll(t, src, 2)
			for i, row := range rows.Index {
				if !slices.Equal(rows.Row(i), c.want[int(row)*c.dim:][:c.dim]) {
					t.Errorf("%s: row %d is %v", c.name, row, rows.Row(i))
				}
			}
			if len(rows.X) != len(c.want) || len(rows.Token) != 0 {
				t.Errorf("%s: found %d values, %d tokens", c.name, len(rows.X), len(rows.Token))
			}
			if err := src.(io.Closer).Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNPYErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "no .npy header in 0 bytes", nil},
		{"other file", "no .npy header", []byte("PK\x03\x04 something else")},
		{"version", "version 9, expected 1 to 3", []byte("\x93NUMPY\x09\x00\x10\x00{                }")},
		{"header beyond the end", "a .npy header of 65535 bytes in", []byte("\x93NUMPY\x01\x00\xff\xff{}")},
		{"big-endian", `found elements ">f4"`, npyFile(">f4", "False", "1, 1", le(float32(1)))},
		{"complex", `found elements "<c8"`, npyFile("<c8", "False", "1, 1", le(1.0))},
		{"integers", "expected rows of floats", npyFile("<i4", "False", "1, 1", le(int32(1)))},
		{"one dimension", "expected rows of floats", npyFile("<f4", "False", "1,", le(float32(1)))},
		{"Fortran", "found Fortran order", npyFile("<f4", "True", "1, 1", le(float32(1)))},
		{"truncated", "found 4 bytes of data, expected 8", npyFile("<f4", "False", "1, 2", le(float32(1)))},
		{"trailing", "found 8 bytes of data, expected 4", npyFile("<f4", "False", "1, 1", le(1.0))},
		{"overflow", "expected one that fits in memory", npyFile("<f4", "False", "9999999999, 9999999999", nil)},
		{"no shape", "expected descr, fortran_order and shape", []byte("\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}")},
	} {
		path := writeFile(t, "x.npy", c.file)
		if _, err := OpenNPY(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
	}
}

func FuzzNPY(f *testing.F) {
	f.Add(npyFile("<f4", "False", "1, 3", le([]float32{1, 2, 3})))
	f.Add(npyFile("<f2", "False", "2, 1", le([]uint16{1, 2})))
	f.Add([]byte("\x93NUMPY\x02\x00\x10\x00\x00\x00{'descr': '<f4'}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseNPY(b)
		if err != nil {
			return
		}
		m, err := n.matrix()
		if err != nil {
			return
		}
		if m.len()*int64(m.rowBytes()) != int64(len(n.data)) {
			t.Fatalf("%d rows of %d bytes in %d", m.len(), m.rowBytes(), len(n.data))
		}
		if m.len() > 0 {
			m.decode(make([]float32, m.d), m.len()-1, 1)
		}
	})
}
