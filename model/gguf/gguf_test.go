package gguf

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"agar/model/tensor"
	"agar/model/tokenizer/tokenizertest"
)

func open(t testing.TB, name string) *File {
	t.Helper()
	f, err := Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// golden is testdata/all.json, written by testdata/make_goldens.py.
type golden struct {
	Meta    map[string]any `json:"meta"`
	Tensors []struct {
		Name, Type, SHA256 string
		Shape              []int
		Values             []float64
	} `json:"tensors"`
}

func readGolden(t testing.TB) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/all.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestMetadata(t *testing.T) {
	f, g := open(t, "all.gguf"), readGolden(t)
	if f.Architecture() != "llama" || f.Version() != 3 || f.Path() != "testdata/all.gguf" {
		t.Errorf("architecture %q, version %d, path %q", f.Architecture(), f.Version(), f.Path())
	}
	if s, ok := f.ChatTemplate(); !ok || s != "{{ messages[0].content }}" {
		t.Errorf("chat template %q, %v", s, ok)
	}
	seen := 0
	for _, key := range f.Keys() {
		want, ok := g.Meta[key]
		if !ok {
			continue
		}
		seen++
		got, _ := f.Value(key)
		if a, b := fmt.Sprint(got), fmt.Sprint(want); a != b {
			t.Errorf("%s: %v, want %v", key, a, b)
		}
	}
	if seen != len(g.Meta) {
		t.Errorf("%d of %d keys found", seen, len(g.Meta))
	}
}

func TestGetters(t *testing.T) {
	f := open(t, "all.gguf")
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	u, err := f.Uint("test.uint64")
	check("uint64", u, err, uint64(1<<63))
	i, err := f.Int("test.int16")
	check("int16", i, err, int64(-30000))
	i, err = f.Int("test.uint8")
	check("uint8 as Int", i, err, int64(200))
	x, err := f.Float("test.float64")
	check("float64", x, err, 1e-300)
	b, err := f.Bool("test.bool")
	check("bool", b, err, true)
	s, err := f.String("test.string")
	check("string", s, err, "naïve ✓")
	ss, err := f.Strings("test.strings")
	check("strings", ss, err, []string{"a", "", "ü"})
	is, err := f.Ints("test.ints")
	check("ints", is, err, []int64{1, -2, 3})
	xs, err := f.Floats("test.floats")
	check("floats", xs, err, []float64{0.5, -1.25})
	for name, err := range map[string]error{
		"uint of a negative": second(f.Uint("test.int8")), "int beyond": second(f.Int("test.uint64")), "missing": second(f.Bool("nope")),
		"string of bool": second(f.String("test.bool")), "strings of ints": second(f.Strings("test.ints")), "float of int": second(f.Float("test.uint8")),
	} {
		if err == nil || !strings.Contains(err.Error(), "testdata/all.gguf") || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestTensors(t *testing.T) {
	f, g := open(t, "all.gguf"), readGolden(t)
	if n := len(f.Tensors()); n != len(g.Tensors)+1 {
		t.Errorf("%d tensors, want %d", n, len(g.Tensors)+1)
	}
	for _, w := range g.Tensors {
		x, err := f.Tensor(w.Name)
		if w.Type == "MXFP4" {
			if err == nil || !strings.Contains(err.Error(), `"blk.0.mxfp4": found type MXFP4, expected F32, F16, BF16, F64, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL or IQ4_XS`) {
				t.Errorf("%s: error %v", w.Name, err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(x.Data)
		if hex.EncodeToString(sum[:]) != w.SHA256 || x.DType.String() != w.Type || !reflect.DeepEqual(x.Shape, w.Shape) {
			t.Errorf("%s: %v %v with SHA-256 %x, want %s %v with %s", w.Name, x.DType, x.Shape, sum, w.Type, w.Shape, w.SHA256)
		}
		// The dequantized values are exact: a float16 scale times a small integer.
		row := make([]float32, w.Shape[1])
		tensor.Dequantize(row, x.DType, x.Data[:len(x.Data)/3])
		row = row[:min(len(row), 64)]
		for i, v := range w.Values {
			if float64(row[i]) != v {
				t.Errorf("%s[%d] = %v, want %v", w.Name, i, row[i], v)
				break
			}
		}
	}
	if x, err := f.Tensor("norm"); err != nil || !reflect.DeepEqual(x.Shape, []int{5}) || math.Float32frombits(binary.LittleEndian.Uint32(x.Data[16:])) != 4 {
		t.Errorf("norm: %v, %v", x, err)
	}
	if _, err := f.Tensor("nope"); err == nil || !strings.Contains(err.Error(), `"nope"`) {
		t.Errorf("a tensor that is not there: %v", err)
	}
}

// copyParts copies the parts of the split file to a new folder.
func copyParts(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := range 3 {
		name := partName("split", uint64(i), 3)
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSplit(t *testing.T) {
	first := "testdata/split-00001-of-00003.gguf"
	f := open(t, filepath.Base(first))
	if len(f.Paths()) != 3 || f.Paths()[0] != first || len(f.Tensors()) != 5 {
		t.Fatalf("paths %q, %d tensors", f.Paths(), len(f.Tensors()))
	}
	for i := range 5 {
		x, err := f.Tensor(fmt.Sprintf("t%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if got := math.Float32frombits(binary.LittleEndian.Uint32(x.Data)); got != float32(i) || x.File != f.Paths()[i/2] {
			t.Errorf("%s: %g in %s", x.Name, got, x.File)
		}
	}
}

func TestSplitErrors(t *testing.T) {
	name := func(i uint64) string { return partName("split", i, 3) }
	for what, c := range map[string]struct {
		change func(dir string) error
		open   string
		want   string
	}{
		"second part": {func(string) error { return nil }, name(1), "found part 2 of 3, expected the first"},
		"missing":     {func(dir string) error { return os.Remove(filepath.Join(dir, name(2))) }, name(0), "part 3 of 3"},
		"other name":  {func(dir string) error { return os.Rename(filepath.Join(dir, name(0)), filepath.Join(dir, "x.gguf")) }, "x.gguf", `expected its name to end in "-00001-of-00003.gguf"`},
		"swapped":     {func(dir string) error { return os.Rename(filepath.Join(dir, name(2)), filepath.Join(dir, name(1))) }, name(0), "found part 3 of 3 in it, expected 2 of 3"},
	} {
		dir := copyParts(t)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		f, err := Open(filepath.Join(dir, c.open))
		if err == nil {
			_ = f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", what, err, c.want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	v, err := open(t, "vocabulary.gguf").Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	want := &Vocabulary{Model: "t5", Pre: "default", Tokens: []string{"<pad>", "</s>", "<unk>", "▁a"}, Scores: []float64{0, 0, -1.5, -2.25},
		Types: []int64{3, 3, 2, 1}, Merges: []string{"a b"}, BOS: 1, EOS: 1, EOT: -1, EOM: -1, Unknown: 2, Separator: 3, Padding: 0, Class: -1, Mask: 3,
		AddBOS: &no, AddEOS: &yes, AddSpacePrefix: &yes, RemoveExtraWhitespace: &no, Charsmap: []byte{0, 200, 7}}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("%+v\nwant %+v", v, want)
	}
	f := open(t, "smollm.gguf")
	if v, err = f.Vocabulary(); err != nil || v.Model != "gpt2" || v.Scores != nil || v.AddSpacePrefix != nil || v.BOS != -1 || len(v.Merges) == 0 {
		t.Errorf("smollm: %v, %v", v, err)
	}
	for key, value := range map[string]any{"scores": "x", "bos_token_id": true, "add_bos_token": uint64(1), "tokens": nil} {
		f := open(t, "vocabulary.gguf")
		f.values[vocabPrefix+key] = value
		if _, err := f.Vocabulary(); err == nil || !strings.Contains(err.Error(), vocabPrefix+key) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	f, err := Open("testdata/all.gguf")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.String("test.string"); err != nil {
		t.Error("metadata are gone after Close")
	}
}

// Vocabularies in GGUF files make the ids of the tokenizers they came from.
func TestTokenizers(t *testing.T) {
	in, err := os.Open("testdata/ids.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines := 0
	for s := bufio.NewScanner(in); s.Scan(); lines++ {
		var c struct {
			File, Text string
			IDs        []int32
		}
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		tok, err := open(t, c.File).Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
		if got := tokenizertest.Encode(t, tok, c.Text, true).IDs; fmt.Sprint(got) != fmt.Sprint(c.IDs) {
			t.Errorf("%s: %q: ids %v, want %v", c.File, c.Text, got, c.IDs)
		}
	}
	if lines < 150 {
		t.Errorf("%d cases, expected 150 or more", lines)
	}
}

// TestModels compares the tokenizers of real GGUF files with the
// tokenizer.json of the same model.
func TestModels(t *testing.T) {
	dirs := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(dirs) == 0 {
		t.Skip("AGAR_MODELS is not set")
	}
	found := 0
	for _, d := range dirs {
		files, _ := filepath.Glob(filepath.Join(d, "*.gguf"))
		if strings.HasSuffix(d, ".gguf") {
			files = append(files, d)
		}
		for _, name := range files {
			t.Run(filepath.Base(name), func(t *testing.T) { found += checkModel(t, name, dirs) })
		}
	}
	if found == 0 {
		t.Skip("AGAR_MODELS names no GGUF file beside a tokenizer.json with the same vocabulary")
	}
}

// Version 2 differs from 3 in its number alone, for little-endian files.
func TestVersion2(t *testing.T) {
	b, err := os.ReadFile("testdata/all.gguf")
	if err != nil {
		t.Fatal(err)
	}
	b[4] = 2
	f, err := parse("two", b)
	if err != nil || f.Version() != 2 || len(f.Tensors()) != len(open(t, "all.gguf").Tensors()) {
		t.Errorf("%v", err)
	}
}
