package activations

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/safetensors"
)

// importOptions keeps what an import says about itself.
func importOptions(dir string) CaptureOptions {
	return CaptureOptions{Dir: dir, Command: []string{"agar", "capture", "import"}, Version: "0", Kernel: "fake"}
}

// checkImport holds a store of one hook to its expected rows.
func checkImport(t *testing.T, dir, hook string, doc, window, pos, token []int32, x []float32) {
	t.Helper()
	s := mustOpen(t, dir)
	src, err := s.Source(hook, everything)
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t, src, 4)
	if !slices.Equal(got.Doc, doc) || !slices.Equal(got.Window, window) || !slices.Equal(got.Pos, pos) || !slices.Equal(got.Token, token) || !slices.Equal(got.X, x) {
		t.Errorf("found doc %v window %v pos %v token %v x %v", got.Doc, got.Window, got.Pos, got.Token, got.X)
	}
	v, err := Verify(context.Background(), dir)
	if err != nil || !v.OK() {
		t.Errorf("Verify: %v, %+v", err, v)
	}
}

func TestImportNPY(t *testing.T) {
	x := []float32{0, .5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5}
	ids := []int64{7, 8, 9, 7, 8, 9}
	flat := writeFile(t, "x.npy", npyFile("<f4", "False", "6, 2", le(x)))
	cube := writeFile(t, "x.npy", npyFile("<f4", "False", "2, 3, 2", le(x)))
	for _, c := range []struct {
		name  string
		f     NPYFiles
		ctx   int
		doc   []int32
		wins  []int32
		posns []int32
	}{
		{"a document a line", NPYFiles{Tokens: writeFile(t, "t.npy", npyFile("<i8", "False", "2, 3", le(ids))), Hooks: map[string]string{"h": cube}}, 0,
			[]int32{0, 0, 0, 1, 1, 1}, []int32{0, 0, 0, 0, 0, 0}, []int32{0, 1, 2, 0, 1, 2}},
		{"flat rows for lines", NPYFiles{Tokens: writeFile(t, "t.npy", npyFile("<i8", "False", "2, 3", le(ids))), Hooks: map[string]string{"h": flat}}, 0,
			[]int32{0, 0, 0, 1, 1, 1}, []int32{0, 0, 0, 0, 0, 0}, []int32{0, 1, 2, 0, 1, 2}},
		{"one document", NPYFiles{Tokens: writeFile(t, "t.npy", npyFile("<i8", "False", "6,", le(ids))), Hooks: map[string]string{"h": flat}}, 4,
			[]int32{0, 0, 0, 0, 0, 0}, []int32{0, 0, 0, 0, 1, 1}, []int32{0, 1, 2, 3, 0, 1}},
		{"document ids", NPYFiles{Tokens: writeFile(t, "t.npy", npyFile("<i8", "False", "6,", le(ids))), Doc: writeFile(t, "d.npy", npyFile("<i4", "False", "6,", le([]int32{2, 2, 5, 5, 5, 9}))), Hooks: map[string]string{"h": flat}}, 0,
			[]int32{2, 2, 5, 5, 5, 9}, []int32{0, 0, 0, 0, 0, 0}, []int32{0, 1, 0, 1, 2, 0}},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		o := importOptions(dir)
		o.Context = c.ctx
		report, err := ImportNPY(context.Background(), c.f, o)
		if err != nil || report.Tokens != 6 || report.DType != F16 {
			t.Errorf("%s: %+v, %v", c.name, report, err)
			continue
		}
		checkImport(t, dir, "h", c.doc, c.wins, c.posns, []int32{7, 8, 9, 7, 8, 9}, x)
	}
}

func TestImportNPYErrors(t *testing.T) {
	x := writeFile(t, "x.npy", npyFile("<f4", "False", "3, 1", le([]float32{1, 2, 3})))
	ids := func(shape string, v ...int32) string {
		return writeFile(t, "t.npy", npyFile("<i4", "False", shape, le(v)))
	}
	for _, c := range []struct {
		name, want string
		f          NPYFiles
	}{
		{"rows", "found shape [3 1], expected [2, d] or [2] with d", NPYFiles{Tokens: ids("2,", 1, 2), Hooks: map[string]string{"h": x}}},
		{"no hooks", "no activations", NPYFiles{Tokens: ids("2,", 1, 2)}},
		{"floats as tokens", "expected integers", NPYFiles{Tokens: x, Hooks: map[string]string{"h": x}}},
		{"negative token", "row 1: found token id -2", NPYFiles{Tokens: ids("3,", 1, -2, 3), Hooks: map[string]string{"h": x}}},
		{"document ids", "found 2 document ids, expected 3", NPYFiles{Tokens: ids("3,", 1, 2, 3), Doc: ids("2,", 1, 2), Hooks: map[string]string{"h": x}}},
		{"documents out of order", "found document 1 after 2", NPYFiles{Tokens: ids("3,", 1, 2, 3), Doc: ids("3,", 2, 1, 1), Hooks: map[string]string{"h": x}}},
		{"roles", "found role 8", NPYFiles{Tokens: ids("3,", 1, 2, 3), Role: ids("3,", 1, 8, 1), Hooks: map[string]string{"h": x}}},
		{"missing file", "none.npy", NPYFiles{Tokens: "none.npy"}},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if _, err := ImportNPY(context.Background(), c.f, importOptions(dir)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: left something behind", c.name)
		}
	}
}

func TestImportSafetensors(t *testing.T) {
	var buf bytes.Buffer
	if err := safetensors.Write(&buf, []safetensors.Out{{Name: "blocks.0.hook_resid_pre", Shape: []int{4, 1}, F32: []float32{1, 2, 3, 4}}}, nil); err != nil {
		t.Fatal(err)
	}
	acts := writeFile(t, "a.safetensors", buf.Bytes())
	// The writer knows floats only; token ids are a file by hand.
	header := `{"token_ids":{"dtype":"I64","shape":[2,2],"data_offsets":[0,32]},"role":{"dtype":"U8","shape":[4],"data_offsets":[32,36]}}`
	ids := writeFile(t, "b.safetensors", append(append(le(uint64(len(header))), header...), le([]int64{5, 6, 7, 8}, []uint8{0, 2, 3, 5})...))
	dir := filepath.Join(t.TempDir(), "out")
	o := importOptions(dir)
	o.DType = F32
	if _, err := ImportSafetensors(context.Background(), []string{acts, ids}, o); err != nil {
		t.Fatal(err)
	}
	checkImport(t, dir, "blocks.0.hook_resid_pre", []int32{0, 0, 1, 1}, []int32{0, 0, 0, 0}, []int32{0, 1, 0, 1}, []int32{5, 6, 7, 8}, []float32{1, 2, 3, 4})
	if roles := mustOpen(t, dir).Content().Roles; roles["0"] != 1 || roles["2"] != 1 || roles["5"] != 1 {
		t.Errorf("roles %v", roles)
	}
	if _, err := ImportSafetensors(context.Background(), []string{acts}, importOptions(filepath.Join(t.TempDir(), "out"))); err == nil || !strings.Contains(err.Error(), "no token ids") {
		t.Errorf("without tokens: found %v", err)
	}
}

// TestImportSAELens reads the directory of testdata/make_goldens.py.
func TestImportSAELens(t *testing.T) {
	var x []float32
	var doc, pos, token []int32
	for i := range 30 {
		x = append(x, float32(i)/4)
	}
	for r := range int32(5) {
		for c := range int32(3) {
			doc, pos, token = append(doc, r), append(pos, c), append(token, 10*r+c)
		}
	}
	for _, batch := range []int{2, 7, 1000} {
		dir := filepath.Join(t.TempDir(), "out")
		o := importOptions(dir)
		o.BatchRows, o.ShardRows = batch, 6
		if _, err := ImportSAELens(context.Background(), filepath.Join("testdata", "saelens"), o); err != nil {
			t.Fatal(err)
		}
		checkImport(t, dir, "blocks.1.hook_resid_pre", doc, make([]int32, 15), pos, token, x)
	}
	if _, err := ImportSAELens(context.Background(), t.TempDir(), importOptions(filepath.Join(t.TempDir(), "out"))); err == nil || !strings.Contains(err.Error(), "no data-*.arrow") {
		t.Errorf("an empty directory: found %v", err)
	}
	bad := t.TempDir()
	if err := os.WriteFile(filepath.Join(bad, "data-00000-of-00001.arrow"), []byte("not Arrow at all, nor long"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ImportSAELens(context.Background(), bad, importOptions(filepath.Join(t.TempDir(), "out"))); err == nil || !strings.Contains(err.Error(), "data-00000-of-00001.arrow") {
		t.Errorf("no Arrow: found %v", err)
	}
}
