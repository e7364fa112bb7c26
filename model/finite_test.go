package model

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/tensor"
)

// tensorAt finds where a tensor's element lies in its file.
func tensorAt(t testing.TB, path, name string, element int) (offset int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Offsets [2]int64 `json:"data_offsets"`
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "__metadata__")
	b, _ := json.Marshal(raw)
	if err := json.Unmarshal(b, &header); err != nil {
		t.Fatal(err)
	}
	return int64(8+n) + header[name].Offsets[0] + int64(4*element)
}

// A NaN or Inf anywhere is found, and named.
func TestWeightsThatAreNotFinite(t *testing.T) {
	for _, x := range []struct {
		tensor string
		at     int
		v      float64
	}{
		{"model.embed_tokens.weight", 64*32 - 1, math.NaN()},
		{"model.norm.weight", 0, math.Inf(1)},
		{"model.layers.2.mlp.down_proj.weight", 777, math.Inf(-1)},
		{"model.layers.0.input_layernorm.weight", 31, math.NaN()},
	} {
		dir := copyTiny(t, "tied")
		path := filepath.Join(dir, singleFile)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(float32(x.v)))
		if _, err := f.WriteAt(b[:], tensorAt(t, path, x.tensor, x.at)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		m, err := Open(dir, Options{})
		if err == nil {
			m.Close()
		}
		if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), x.tensor) || !strings.Contains(err.Error(), path) {
			t.Errorf("%g in %s: %v", x.v, x.tensor, err)
		}
		checkLate(t, dir, x.tensor)
	}
}

// checkLate opens without the check at opening, as large models are, and expects
// the forward to refuse.
func checkLate(t *testing.T, dir, name string) {
	t.Helper()
	m, err := Open(dir, Options{SkipNaNCheck: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.skipCheck = false
	_, err = m.Forward(context.Background(), &Request{Seqs: [][]int32{{1}}, Logits: LastLogits})
	if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), name) {
		t.Errorf("forward with a bad %s: %v", name, err)
	}
	if err := m.Check(); !errors.Is(err, ErrNotFinite) {
		t.Errorf("check of a bad %s: %v", name, err)
	}
}

// A tied unembedding is checked also when no embedding was looked up.
func TestTiedUnembeddingIsChecked(t *testing.T) {
	m := open(t, filepath.Join("testdata", "tied"))
	m.guards = make([]guard, len(m.guards))
	bad := make([]byte, 4*m.Spec.Vocab*m.Spec.DModel)
	copy(bad[400:], []byte{0, 0, 0xc0, 0x7f})
	m.w.stored[0].data = bad // the embedding
	_, err := m.Forward(context.Background(), &Request{Seqs: [][]int32{{1}}, Resid: make([]float32, m.Spec.DModel), Logits: LastLogits})
	if !errors.Is(err, ErrNotFinite) {
		t.Errorf("logits through a bad embedding: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("LogitLens through a bad embedding gives numbers")
		}
	}()
	m.LogitLens(make([]float32, m.Spec.DModel))
}

func TestScanFindsEveryKindOfBadNumber(t *testing.T) {
	for _, x := range []struct {
		dt   tensor.DType
		bits uint64
		size int
	}{
		{tensor.F32, 0x7f800000, 4},
		{tensor.F32, 0xffc00001, 4},
		{tensor.F16, 0x7c00, 2},
		{tensor.F16, 0xfe01, 2},
		{tensor.BF16, 0x7f80, 2},
		{tensor.BF16, 0xffc1, 2},
		{tensor.F64, 0x7ff0000000000000, 8},
		{tensor.F64, 0x7fe0000000000000, 8},
	} {
		for _, n := range []int{1, 3, 7, 2049, 5000} {
			for _, at := range []int{0, n / 2, n - 1} {
				data := make([]byte, n*x.size)
				if bad := badIn(x.dt, data); bad != -1 {
					t.Fatalf("%v: zeros are bad at %d", x.dt, bad)
				}
				var b [8]byte
				binary.LittleEndian.PutUint64(b[:], x.bits)
				copy(data[at*x.size:], b[:x.size])
				if bad := badIn(x.dt, data); bad != at {
					t.Errorf("%v %#x at %d of %d: found %d", x.dt, x.bits, at, n, bad)
				}
			}
		}
	}
	for _, dt := range tensor.DTypes() {
		if dt.Scales() != nil {
			checkScales(t, dt)
		}
	}
	big := stored{dtype: tensor.F32, rows: 3, cols: scanPiece / 4, data: make([]byte, 3*scanPiece)}
	copy(big.data[2*scanPiece+8:], []byte{0, 0, 0x80, 0x7f})
	if bad := big.firstBad(); bad != int64(2*scanPiece/4+2) {
		t.Errorf("bad element found at %d, expected %d", bad, 2*scanPiece/4+2)
	}
}

// checkScales holds badIn to the scales of quantised blocks, and to nothing else
// in them.
func checkScales(t *testing.T, dt tensor.DType) {
	t.Helper()
	elems, size := dt.Block()
	data := make([]byte, 5*size)
	for i := range data {
		data[i] = 0xff
	}
	for i := range 5 {
		for _, at := range dt.Scales() {
			copy(data[i*size+at:], []byte{0xff, 0x7b}) // 65,504
		}
	}
	if bad := badIn(dt, data); bad != -1 {
		t.Errorf("%v: values taken for scales at %d", dt, bad)
	}
	row := make([]float32, 5*elems)
	for _, at := range dt.Scales() {
		for _, high := range []byte{0x7c, 0xfc, 0x7e} {
			data[3*size+at+1] = high
			tensor.Dequantize(row, dt, data)
			if bad := badIn(dt, data); bad != 3*elems || row[bad]-row[bad] == 0 {
				t.Errorf("%v: scale %02x found at %d, expected %d; it decodes to %g", dt, high, bad, 3*elems, row[3*elems])
			}
		}
		data[3*size+at+1] = 0x7b
	}
}
