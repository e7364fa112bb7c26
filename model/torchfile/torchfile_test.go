package torchfile

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden is a file of testdata as make_goldens.py, beside it, describes it.
type golden struct {
	Tensors map[string]struct {
		DType         string
		Shape, Stride []int
		Values        *string
	}
	Values map[string]any
}

func goldens(t *testing.T) map[string]golden {
	t.Helper()
	text, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	g := map[string]golden{}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestEqualsTorch compares everything in the files with what torch saved.
func TestEqualsTorch(t *testing.T) {
	all := goldens(t)
	if len(all) != 6 {
		t.Fatalf("%d goldens", len(all))
	}
	for name, want := range all {
		f := open(t, name)
		if len(f.Names()) != len(want.Tensors) || len(f.Keys()) != len(want.Values) {
			t.Errorf("%s: tensors %q and values %q, want %d and %d", name, f.Names(), f.Keys(), len(want.Tensors), len(want.Values))
		}
		for n, w := range want.Tensors {
			x, ok := f.Tensor(n)
			if !ok || x.DType != w.DType || !slices.Equal(x.Shape, w.Shape) || len(x.Shape) > 0 && !slices.Equal(x.Stride, w.Stride) {
				t.Errorf("%s: tensor %q is %+v, want %+v", name, n, x, w)
				continue
			}
			checkValues(t, name, x, w.Values)
		}
		for k, w := range want.Values {
			if got, ok := f.Value(k); !ok || jsonOf(t, got) != jsonOf(t, w) {
				t.Errorf("%s: value %q is %v, want %v", name, k, got, w)
			}
		}
	}
}

func jsonOf(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// checkValues holds a tensor's values to the golden bits; integers are refused.
func checkValues(t *testing.T, file string, x Tensor, want *string) {
	t.Helper()
	got, err := x.Float32()
	if want == nil {
		if err == nil || !strings.Contains(err.Error(), x.DType) {
			t.Errorf("%s: %q as floats: error %v", file, x.Name, err)
		}
		return
	}
	var b []byte
	for _, v := range got {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	if err != nil || hex.EncodeToString(b) != *want {
		t.Errorf("%s: %q is %v, %v; want the bits %s", file, x.Name, got, err, *want)
	}
}

// TestViewsCopyNothing: tied weights are the same memory, views lie inside it, and
// what is not contiguous has no Data.
func TestViewsCopyNothing(t *testing.T) {
	for _, name := range []string{"tied.bin", "tied_legacy.bin"} {
		f := open(t, name)
		get := func(n string) Tensor { x, _ := f.Tensor(n); return x }
		if &get("embed").Data[0] != &get("head").Data[0] || &get("rows").Data[0] != &get("embed").Data[16] {
			t.Errorf("%s: tied tensors do not share their memory", name)
		}
		if get("columns").Data != nil || get("part").Data != nil || get("empty").Data == nil {
			t.Errorf("%s: strided tensors have data, or the empty one has none", name)
		}
	}
}

func TestRefused(t *testing.T) {
	zipped, err := os.ReadFile("testdata/tied.bin")
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := os.ReadFile("testdata/tied_legacy.bin")
	if err != nil {
		t.Fatal(err)
	}
	edit := func(b []byte, old, new string) []byte { return []byte(strings.Replace(string(b), old, new, 1)) }
	after := func(pickle string) []byte { return append(slices.Clone(legacyMagic), pickle...) }
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing of torch":   {[]byte("GGUF12345"), "found 47 47 55 46 at its start"},
		"class":              {edit(zipped, "torch\nFloatStorage", "torch\nEvilStorages"), `found "torch.EvilStorages"`},
		"cut archive":        {zipped[:len(zipped)-30], "zip archive"},
		"cut data":           {legacy[:len(legacy)-1], "to the end of the file, expected"},
		"cut object":         {legacy[:200], "object behind byte 137: pickle at byte"},
		"protocol":           {after("\x80\x02K\x07."), "protocol: found 7, expected 1001"},
		"long string":        {after("\x80\x02X\xff\xff\xff\xffabc."), "BINUNICODE: found 4 bytes to the end, expected 4294967295"},
		"instruction":        {after("\x80\x02\x93."), "found instruction 0x93"},
		"last instruction":   {after("\x80\x02\xff."), "found instruction 0xff"},
		"long integer":       {after("\x80\x02\x8a\x00."), "integer of 0 bytes"},
		"pickle 4":           {after("\x80\x04N."), "protocol 4"},
		"odd dictionary":     {after("\x80\x02}(Nu."), "values do not fit the instruction"},
		"empty stack":        {after("\x80\x02R."), "stack is empty"},
		"unknown reference":  {after("\x80\x02h\x07."), "reference to value 7"},
		"marks":              {after("\x80\x02" + strings.Repeat("(", 1<<20) + "."), "would need more than"},
		"string over again":  {after("\x80\x02X\x00\x00\x10\x00" + strings.Repeat("a", 1<<20) + "q\x00(" + strings.Repeat("h\x00", 10) + "t."), "would need more than"},
		"storage of nothing": {after("\x80\x02(X\x07\x00\x00\x00storageK\x01K\x01K\x01K\x01tQ."), "expected to a storage"},
	} {
		_, err := parse("x.bin", c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.bin") || len(err.Error()) > 600 {
			t.Errorf("%s: error %v, want it to say %q", name, err, c.want)
		}
	}
}

// TestNoCodeRuns opens a file that runs a command in whoever unpickles it.
func TestNoCodeRuns(t *testing.T) {
	_, err := Open("testdata/evil.pt")
	if !errors.Is(err, ErrClass) || !strings.Contains(err.Error(), "system") || !strings.Contains(err.Error(), "testdata/evil.pt") {
		t.Errorf("error %v, want one that wraps ErrClass and names the function", err)
	}
	if _, err := os.Stat("executed"); err == nil {
		t.Error("the command was executed")
	}
	if _, err := Open("testdata/protocol4.pt"); err == nil || !strings.Contains(err.Error(), "pickle protocol 4, expected 2") {
		t.Errorf("protocol 4: error %v", err)
	}
	for _, path := range []string{t.TempDir(), "testdata/none", "/dev/null"} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s opened", path)
		}
	}
}

// TestCutAnywhere: every prefix of a file is refused.
func TestCutAnywhere(t *testing.T) {
	for _, name := range []string{"steering_vector.pt", "dtypes_legacy.pt"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if _, err := parse("cut", b[:n:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes were accepted", name, n, len(b))
			}
		}
		if _, err := parse("whole", b); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	f := open(t, "steering_vector.pt")
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if v, _ := f.Value("layer_idx"); v != int64(24) {
		t.Errorf("layer_idx is %v after Close", v)
	}
	if fmt.Sprint(f.Path()) != "testdata/steering_vector.pt" {
		t.Error(f.Path())
	}
}
