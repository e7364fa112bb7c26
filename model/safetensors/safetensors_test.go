package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"agar/model/internal/bounds"
	"agar/model/safetensors"

	nlp "github.com/nlpodyssey/safetensors"
)

func Example() {
	path := filepath.Join(os.TempDir(), "example.safetensors")
	var buf bytes.Buffer
	if err := safetensors.Write(&buf, []safetensors.Out{{Name: "w", Shape: []int{2, 2}, F32: []float32{1, 2, 3, 4}}}, nil); err != nil {
		panic(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		panic(err)
	}
	defer os.Remove(path)
	f, err := safetensors.Open(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	w, shape, err := f.Float32("w")
	fmt.Println(f.Names(), w, shape, err)
	// Output: [w] [1 2 3 4] [2 2] <nil>
}

// file writes a header and data of our own making and gives the path.
func file(t testing.TB, header string, data []byte) string {
	t.Helper()
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(append(b, header...), data...)
	return raw(t, b)
}

func raw(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConversion(t *testing.T) {
	f16 := func(h ...uint16) (b []byte) {
		for _, x := range h {
			b = binary.LittleEndian.AppendUint16(b, x)
		}
		return
	}
	cases := []struct {
		dtype string
		data  []byte
		want  []float32
	}{
		{"F32", binary.LittleEndian.AppendUint32(nil, math.Float32bits(-1.5)), []float32{-1.5}},
		{"F64", binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1)), []float32{0.1}},
		{"BF16", f16(0x3f80, 0xc000, 0x7f80), []float32{1, -2, float32(math.Inf(1))}},
		{"F16", f16(0x3c00, 0xc000, 0x0001, 0x83ff, 0x7bff, 0x0400, 0x7c00, 0x8000),
			[]float32{1, -2, 0x1p-24, -1023 * 0x1p-24, 65504, 0x1p-14, float32(math.Inf(1)), float32(math.Copysign(0, -1))}},
	}
	for _, c := range cases {
		header := fmt.Sprintf(`{"__metadata__":{"format":"pt"},"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, c.dtype, len(c.want), len(c.data))
		f, err := safetensors.Open(file(t, header, c.data))
		if err != nil {
			t.Fatal(err)
		}
		got, shape, err := f.Float32("x")
		if err != nil || !slices.EqualFunc(got, c.want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) || shape[0] != len(c.want) {
			t.Errorf("%s: got %v %v %v, want %v", c.dtype, got, shape, err, c.want)
		}
		if f.Metadata()["format"] != "pt" {
			t.Errorf("metadata %v", f.Metadata())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsNameFileTensorFoundExpected(t *testing.T) {
	ok := `{"model.w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	cases := []struct {
		name, path string
		want       []string
	}{
		{"empty", raw(t, nil), []string{"0 bytes", "8"}},
		{"absent", filepath.Join(t.TempDir(), "x.safetensors"), []string{"no such file"}},
		{"directory", t.TempDir(), []string{"directory", "expected a file"}},
		{"header beyond file", raw(t, append(binary.LittleEndian.AppendUint64(nil, 500), "{}"...)), []string{"truncated", "500", "found 2"}},
		{"huge header", raw(t, append(binary.LittleEndian.AppendUint64(nil, 1<<62), "{}"...)), []string{"4611686018427387904", "100000000"}},
		{"no json", file(t, "not json", nil), []string{"JSON"}},
		{"truncated data", file(t, ok, make([]byte, 5)), []string{"truncated", "found 5 bytes", "expected 8"}},
		{"trailing", file(t, ok, make([]byte, 11)), []string{"3 trailing", "found 11", "expected 8"}},
		{"shape lies", file(t, `{"model.w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, make([]byte, 8)), []string{"model.w", "found 8 bytes", "12"}},
		{"shape overflows", file(t, `{"model.w":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,8]}}`, make([]byte, 8)), []string{"model.w", "found 8 bytes"}},
		{"hole", file(t, `{"model.w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, make([]byte, 12)), []string{"model.w", "[4, 12)", "start at 0"}},
		{"dtype", file(t, `{"model.w":{"dtype":"F4","shape":[8],"data_offsets":[0,8]}}`, make([]byte, 8)), []string{"model.w", `"F4"`, "expected"}},
		{"twice", file(t, `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), []string{`"w" comes twice`}},
		{"overlap", file(t, `{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), []string{`"w"`, "[1, 2)", "start at 2"}},
		{"key", file(t, `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"strides":[1]}}`, make([]byte, 1)), []string{`"w"`, `"strides"`}},
		{"key missing", file(t, `{"w":{"dtype":"U8","shape":[1]}}`, make([]byte, 1)), []string{`"w"`, "data_offsets"}},
		{"huge integer", file(t, `{"w":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}`, make([]byte, 1)), []string{`"w"`, "below 2⁶³"}},
		{"behind", file(t, `{} {}`, nil), []string{"byte 3", "spaces to the end"}},
		{"open string", file(t, `{"w\"`, nil), []string{"the end of a string"}},
		{"metadata", file(t, `{"__metadata__":{"a":1}}`, nil), []string{"a string", `"1}}"`}},
		{"no utf-8", file(t, "{\"\xff\":1}", nil), []string{"UTF-8"}},
		{"offsets", file(t, `{"model.w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, make([]byte, 8)), []string{"model.w", "expected 2"}},
		{"negative", file(t, `{"model.w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, make([]byte, 8)), []string{"model.w"}},
	}
	for _, c := range cases {
		f, err := safetensors.Open(c.path)
		if err == nil {
			f.Close()
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, w := range append(c.want, c.path) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
}

// TestHeaderForms reads headers that other writers make.
func TestHeaderForms(t *testing.T) {
	f, err := safetensors.Open(file(t, " {\n \"a\\u0062\\n\" : { \"data_offsets\":[1,2],\t\"shape\":[ ], \"dtype\":\"F8_E4M3\"},\"é\":{\"dtype\":\"U8\",\"shape\":[1,1],\"data_offsets\":[0,1]}, \"__metadata__\":{\"k\":\"v\\\"\"} }   ", []byte{7, 8}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fmt.Sprint(f.Names(), f.Metadata()) != "[ab\n é] map[k:v\"]" {
		t.Error(f.Names(), f.Metadata())
	}
	x, _ := f.Tensor("ab\n")
	y, _ := f.Tensor("é")
	if x.Data[0] != 8 || len(x.Shape) != 0 || y.Data[0] != 7 || fmt.Sprint(y.Shape) != "[1 1]" {
		t.Error(x, y)
	}
	if _, err := x.Float32(); err == nil || !strings.Contains(err.Error(), "F8_E4M3") {
		t.Errorf("eight bits as floats: %v", err)
	}
}

func TestFloat32Refuses(t *testing.T) {
	f, err := safetensors.Open(file(t, `{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}`, make([]byte, 8)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{"ids": "I64", "missing": "missing"} {
		if _, _, err := f.Float32(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), f.Path()) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestWriteIsDeterministicAndReadable(t *testing.T) {
	a := safetensors.Out{Name: "a", Shape: []int{1, 3}, F32: []float32{1, float32(math.Inf(-1)), 3}}
	b := safetensors.Out{Name: "b", Shape: []int{}, F32: []float32{7}}
	c := safetensors.Out{Name: "c", Shape: []int{0, 4}}
	var one, two bytes.Buffer
	meta := map[string]string{"y": "2", "x": "1"}
	if err := safetensors.Write(&one, []safetensors.Out{a, b, c}, meta); err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(&two, []safetensors.Out{c, b, a}, meta); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Fatal("the order of the tensors changes the bytes")
	}
	path := raw(t, one.Bytes())
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, o := range []safetensors.Out{a, b, c} {
		got, shape, err := f.Float32(o.Name)
		if err != nil || !slices.Equal(got, o.F32) || !slices.Equal(shape, o.Shape) {
			t.Errorf("%s: %v %v %v", o.Name, got, shape, err)
		}
	}
	h, err := safetensors.HashFile(path)
	if err != nil || len(h) != 64 || h != strings.ToLower(h) {
		t.Errorf("hash %q, %v", h, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	x := safetensors.Out{Name: "x", Shape: []int{2}, F32: []float32{1, 2}}
	for name, ts := range map[string][]safetensors.Out{
		"twice": {x, x},
		"[3]":   {{Name: "x", Shape: []int{3}, F32: x.F32}},
		"name":  {{Name: "__metadata__", Shape: []int{2}, F32: x.F32}},
		"-2":    {{Name: "x", Shape: []int{-2}, F32: x.F32}},
	} {
		var b bytes.Buffer
		if err := safetensors.Write(&b, ts, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
		if b.Len() != 0 {
			t.Errorf("%s: %d bytes written", name, b.Len())
		}
	}
}

// FuzzParse holds that any bytes give tensors inside the file or an error that
// names it, never a panic.
func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := safetensors.Write(&b, []safetensors.Out{{Name: "w", Shape: []int{2}, F32: []float32{1, 2}}}, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-3])
	f.Add(append(binary.LittleEndian.AppendUint64(nil, 45), `{"__metadata__":{"k":"v\u00e9"},"w":{"dtype"}  `...))
	f.Add(append(binary.LittleEndian.AppendUint64(nil, 56), `{"w":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}x`...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var file *safetensors.File
		var err error
		bounds.Parse(t, len(b), 1<<16, func() { file, err = safetensors.Parse("a/file", b) })
		if err != nil {
			if !strings.Contains(err.Error(), "a/file") {
				t.Fatalf("error does not name the file: %v", err)
			}
			return
		}
		acceptedElsewhere(t, b, file)
		if m := file.Metadata(); len(m) > len(b) {
			t.Fatalf("%d entries of metadata", len(m))
		}
		for _, name := range file.Names() {
			ts, ok := file.Tensor(name)
			if !ok {
				t.Fatalf("no tensor %q", name)
			}
			n := 1
			for _, d := range ts.Shape {
				n *= d
			}
			if v, _, err := file.Float32(name); err == nil && len(v) != n {
				t.Fatalf("%q: %d values of shape %v", name, len(v), ts.Shape)
			}
		}
	})
}

// acceptedElsewhere holds that what is accepted here is accepted by another reader,
// with the same tensors, but for the dtypes that it does not have.
func acceptedElsewhere(t *testing.T, b []byte, f *safetensors.File) {
	t.Helper()
	for _, name := range f.Names() {
		if x, _ := f.Tensor(name); strings.HasPrefix(x.DType, "F8") || strings.HasPrefix(x.DType, "C") {
			return
		}
	}
	other, err := nlp.Deserialize(b)
	if err != nil || other.Len() != len(f.Names()) {
		t.Fatalf("%d tensors accepted, another reader has %d, %v", len(f.Names()), other.Len(), err)
	}
	for _, name := range f.Names() {
		x, _ := f.Tensor(name)
		y, ok := other.Tensor(name)
		if !ok || y.DType().String() != x.DType || !bytes.Equal(y.Data(), x.Data) || len(y.Shape()) != len(x.Shape) {
			t.Fatalf("tensor %q: %+v, another reader has %v %v", name, x, y.DType(), y.Shape())
		}
	}
}

// TestMemoryOfHeaders: a header of as many small tensors as it can list takes less
// than eight times its bytes.
func TestMemoryOfHeaders(t *testing.T) {
	var s strings.Builder
	const n = 20000
	for i := range n {
		fmt.Fprintf(&s, `,"%d":{"dtype":"U8","shape":[],"data_offsets":[%d,%d]}`, i, i, i+1)
	}
	path := file(t, "{"+s.String()[1:]+"}", make([]byte, n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := safetensors.Open(path)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	times := float64(after.TotalAlloc-before.TotalAlloc) / float64(s.Len()+n)
	t.Logf("%.1f times the file allocated", times)
	if len(f.Names()) != n || times > 8 {
		t.Errorf("%d tensors, %.1f times the file allocated, expected at most 8", len(f.Names()), times)
	}
}

// What a header makes agar allocate is bounded by its size, whatever is packed in it.
func TestDenseHeaders(t *testing.T) {
	many := func(format string, n int) string {
		one := make([]string, n)
		for i := range one {
			one[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
		}
		return strings.Join(one, ",")
	}
	for name, h := range map[string]string{
		"tensors":          "{" + many(`"#":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, 20000) + "}",
		"dimensions":       "{" + many(`"#":{"dtype":"U8","shape":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"data_offsets":[0,0]}`, 20000) + "}",
		"escapes":          "{" + many(`"\n#":{"dtype":"\u00558","shap\u0065":[0],"data_offse\u0074s":[0,0],"d\u0074ype":"\u00558"}`, 20000) + "}",
		"metadata":         `{"__metadata__":{` + many(`"#":""`, 4000) + "}}",
		"metadata escapes": `{"__metadata__":{` + many(`"\n#":"\n"`, 4000) + "}}",
		"more metadata":    `{"__metadata__":{` + many(`"#":""`, 40000) + "}}",
		"keys":             `{"a":{` + many(`"#":1`, 40000) + "}}",
	} {
		b := append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...)
		var err error
		n := bounds.Parse(t, len(b), 1<<16, func() { _, err = safetensors.Parse("a/file", b) })
		t.Logf("%-18s %7d bytes, %5.1f times allocated: %.90v", name, len(b), float64(n)/float64(len(b)), err)
	}
}
