package activations

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"agar/activations/blob"
)

// TestReadsWhatPyarrowWrote reads the files of testdata/make_goldens.py.
func TestReadsWhatPyarrowWrote(t *testing.T) {
	for _, name := range []string{"plain.arrow", "legacy.arrow", "extra.arrow", "zstd.arrow", "lz4.arrow"} {
		sh, err := openShard(blob.Dir("testdata"), name)
		if err != nil {
			t.Fatal(err)
		}
		want := []Column{{"blocks.0.hook_resid_post", 4, F16}, {"blocks.0.hook_mlp_out", 3, F32}}
		if !slices.Equal(sh.columns, want) || sh.rows != 11 || len(sh.batches) != 3 {
			t.Fatalf("%s: found %v, %d rows in %d batches", name, sh.columns, sh.rows, len(sh.batches))
		}
		var cache codecCache
		i := 0
		for k, b := range sh.batches {
			half, err1 := sh.values(k, 0, &cache)
			single, err2 := sh.values(k, 1, &cache)
			if err1 != nil || err2 != nil {
				t.Fatal(name, err1, err2)
			}
			for j := range b.rows {
				got := row{b.token[j], b.doc[j], b.window[j], b.pos[j], b.role[j]}
				if got != (row{int32(100 + i), int32(i / 4), 0, int32(i % 4), uint8(i % 6)}) {
					t.Errorf("%s: row %d is %+v", name, i, got)
				}
				x, y := make([]float32, 4), make([]float32, 3)
				want[0].decode(x, half[j*8:(j+1)*8])
				want[1].decode(y, single[j*12:(j+1)*12])
				f := float32(i)
				if !slices.Equal(x, []float32{f, f + .125, f + .25, f + .375}) || !slices.Equal(y, []float32{f * 1000, f*1000 + 1, f*1000 + 2}) {
					t.Errorf("%s: row %d has %v and %v", name, i, x, y)
				}
				i++
			}
		}
		if err := sh.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestArrowReaderAgrees reads a shard with Arrow's own reader.
func TestArrowReaderAgrees(t *testing.T) {
	s := fakeStore(t, 30)
	raw, err := os.ReadFile(filepath.Join(s.Dir(), shardName(0)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	src, err := s.Source(residPost, everything)
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t, src, 1000)
	at := 0
	for k := range r.NumRecords() {
		rec, err := r.RecordAt(k)
		if err != nil {
			t.Fatal(err)
		}
		tokens := rec.Column(0).(*array.Int32).Int32Values()
		list := rec.Column(5).(*array.FixedSizeList)
		values := list.ListValues().(*array.Float16)
		for i := range tokens {
			if tokens[i] != want.Token[at] {
				t.Fatalf("row %d: found token %d, expected %d", at, tokens[i], want.Token[at])
			}
			for j := range 6 {
				if v := values.Value(i*6 + j); v != float16.New(want.X[at*6+j]) {
					t.Fatalf("row %d, value %d: found %v, expected %v", at, j, v, want.X[at*6+j])
				}
			}
			at++
		}
		for i, f := range rec.Schema().Fields() {
			if f.Nullable || rec.Column(i).NullN() > 0 {
				t.Errorf("column %s is nullable", f.Name)
			}
		}
	}
	if at != int(s.content.Shards[0].Rows) {
		t.Errorf("found %d rows, expected %d", at, s.content.Shards[0].Rows)
	}
}

func TestBuffersAreAligned(t *testing.T) {
	s := fakeStore(t, 30)
	for _, b := range s.batches {
		for _, h := range b.hooks {
			if h.off%8 != 0 {
				t.Errorf("a hook's values begin at byte %d of %s, expected a multiple of 8", h.off, b.shard.name)
			}
		}
	}
}

// TestManyBatchesAShard writes more rows than a record batch takes: of 60 kB each
// that is 512.
func TestManyBatchesAShard(t *testing.T) {
	dir := blob.Dir(t.TempDir())
	w := newStoreWriter(dir, []Column{{residPost, 30000, F16}}, 1<<20, nil)
	x := make([]float32, 30000)
	const rows = 1100
	for i := range int32(rows) {
		x[29999] = float32(i)
		if err := w.add(row{token: i, pos: i}, [][]float32{x}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	sh, err := openShard(dir, shardName(0))
	if err != nil {
		t.Fatal(err)
	}
	defer sh.close()
	if len(sh.batches) != 3 || sh.batches[0].rows != 512 || sh.rows != rows || len(w.shards) != 1 {
		t.Fatalf("found %d rows in %d batches", sh.rows, len(sh.batches))
	}
	i := 0
	for k := range sh.batches {
		raw, err := sh.values(k, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		for j := range sh.batches[k].rows {
			sh.columns[0].decode(x, raw[j*60000:(j+1)*60000])
			if x[29999] != float32(i) || x[29998] != 0 || sh.batches[k].token[j] != int32(i) {
				t.Fatalf("row %d is %v of token %d", i, x[29999], sh.batches[k].token[j])
			}
			i++
		}
	}
}

func TestArrowErrors(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("testdata", "plain.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	cut := func(n int) []byte { return good[:n] }
	patched := func(f func(b []byte)) []byte {
		b := slices.Clone(good)
		f(b)
		return b
	}
	foot := len(good) - 10
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "found 0 bytes that do not begin and end with ARROW1", nil},
		{"cut", "do not begin and end with ARROW1", cut(len(good) - 1)},
		{"footer too long", "found a footer of 2147483647 bytes", patched(func(b []byte) { binary.LittleEndian.PutUint32(b[foot:], 1<<31-1) })},
		{"negative footer", "found a footer of -1 bytes", patched(func(b []byte) { binary.LittleEndian.PutUint32(b[foot:], 1<<32-1) })},
		{"renamed column", `found no column "token_id"`, bytes.ReplaceAll(good, []byte("token_id"), []byte("token_ix"))},
		{"shredded footer", "malformed Arrow metadata", patched(func(b []byte) {
			n := int(binary.LittleEndian.Uint32(b[foot:]))
			copy(b[foot-n:], bytes.Repeat([]byte{0xff}, 16))
		})},
		{"shredded batch", "record batch 1: at byte 1384: found a message of 0 bytes", patched(func(b []byte) {
			i := bytes.Index(b[600:], []byte{0xff, 0xff, 0xff, 0xff}) + 600
			copy(b[i:], bytes.Repeat([]byte{0}, 256))
		})},
	} {
		if _, err := parseTable(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
	}
}

func FuzzArrow(f *testing.F) {
	for _, name := range []string{"plain.arrow", "extra.arrow", "zstd.arrow", "lz4.arrow", "legacy.arrow"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := parseTable(b)
		if err != nil {
			return
		}
		sh := &shard{name: "fuzz", table: *tab}
		rows := int64(0)
		for k, bt := range sh.batches {
			rows += int64(bt.rows)
			if len(bt.token) != bt.rows || len(bt.doc) != bt.rows || len(bt.window) != bt.rows || len(bt.pos) != bt.rows || len(bt.role) != bt.rows {
				t.Fatalf("batch %d of %d rows has %d tokens", k, bt.rows, len(bt.token))
			}
			for col, c := range sh.columns {
				raw, err := sh.values(k, col, &codecCache{})
				if err != nil {
					continue
				}
				if len(raw) != bt.rows*c.rowBytes() {
					t.Fatalf("batch %d: %d bytes for %d rows of %d", k, len(raw), bt.rows, c.rowBytes())
				}
				if bt.rows > 0 {
					c.decode(make([]float32, c.Dim), raw[len(raw)-c.rowBytes():])
				}
			}
		}
		if rows != sh.rows {
			t.Fatalf("%d rows in batches, %d in all", rows, sh.rows)
		}
	})
}
