package torchfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/internal/bounds"
)

// constant is what opening the smallest of files may allocate.
const constant = 5 << 18

// FuzzParse holds that any bytes give tensors inside the file or an error, never a
// panic, and that no more is allocated than a small multiple of the file.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.[bp][it]*")
	if err != nil || len(files) < 8 {
		f.Fatalf("%d seeds, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var x *File
		var err error
		bounds.Parse(t, len(b), constant, func() { x, err = parse("fuzz", b) })
		if err == nil {
			checkFile(t, x, len(b))
		}
	})
}

// FuzzUnpickle feeds pickles without the archive around them.
func FuzzUnpickle(f *testing.F) {
	for _, p := range []string{"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x05X\x01\x00\x00\x00bG?\xf8\x00\x00\x00\x00\x00\x00u.", "\x80\x02ccollections\nOrderedDict\n)R}X\x01\x00\x00\x00a\x88sb.",
		"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nHalfStorage\nU\x010U\x03cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89NtR.", "(]\x85(e\x86\x87aJ\xff\xff\xff\xff\x8a\x02\x00\x80M\x01\x02r\x01\x00\x00\x00j\x01\x00\x00\x00t."} {
		f.Add([]byte(p))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var root any
		var err error
		bounds.Parse(t, len(b), constant, func() {
			s := newStorages(func(s *storage) error {
				s.data = b[:min(len(b), s.elems*s.size)]
				s.elems = len(s.data) / s.size
				return nil
			})
			root, _, err = unpickle(b, budgetOf(b), s)
		})
		if err != nil {
			return
		}
		var x *File
		bounds.Parse(t, len(b), constant, func() {
			x = &File{path: "fuzz", tensors: map[string]Tensor{}, values: map[string]any{}}
			err = x.flatten(root, budgetOf(b))
		})
		if err == nil {
			checkFile(t, x, len(b))
		}
	})
}

// TestDensePickles: what is filed takes no more than the bound when a pickle is full
// of the shortest of values, whatever the size.
func TestDensePickles(t *testing.T) {
	for name, c := range map[string][2]string{
		"scalars": {"", "N"}, "tuples": {"", ")"}, "tuples of one": {"", "N\x85"}, "lists": {"", "]"}, "lists of one": {"", "]Na"},
		"one list again": {"]Naq\x00", "h\x00"}, "one tuple again": {")q\x00", "h\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 64; n < 1<<17; n += n/8 + 1 {
				b := []byte("](" + c[0] + strings.Repeat(c[1], n) + "]]ae.")
				root, _, err := unpickle(b, budgetOf(b), newStorages(nil))
				if err != nil && n > 1000 {
					break
				}
				bounds.Parse(t, len(b), constant, func() {
					x := &File{path: name, tensors: map[string]Tensor{}, values: map[string]any{}}
					err = x.flatten(root, budgetOf(b))
				})
				if err != nil && n < 1000 {
					t.Fatalf("%d: %v", n, err)
				}
			}
		})
	}
}

// checkFile reads every tensor.
func checkFile(t *testing.T, x *File, size int) {
	t.Helper()
	for _, name := range x.Names() {
		w, ok := x.Tensor(name)
		if !ok || len(w.Data) > size {
			t.Fatalf("tensor %q: %v with %d of %d bytes", name, ok, len(w.Data), size)
		}
		if v, err := w.Float32(); err == nil && len(v) != w.elems() {
			t.Fatalf("tensor %q: %d values of shape %v", name, len(v), w.Shape)
		}
	}
	for _, key := range x.Keys() {
		if _, ok := x.Value(key); !ok {
			t.Fatalf("no value of %q", key)
		}
	}
}
