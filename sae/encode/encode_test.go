package encode

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"go.uber.org/goleak"

	"agar/activations"
	"agar/activations/blob"
	"agar/activations/blob/blobtest"
	"agar/sae"
	"agar/sae/internal/arrowfile"
	"agar/sae/internal/saetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// capture is a store of more than one batch with its dictionary and the source
// of its kept rows.
func capture(t *testing.T) (*sae.SAE, func() activations.Source) {
	t.Helper()
	p := saetest.NewPlanted(12, 30, 3, 2)
	store := p.Capture(t, 200)
	return p.Dictionary(0.4), func() activations.Source {
		src, err := store.Source(saetest.Hook, activations.Filter{MaxNorm: -1})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
}

// expected encodes all rows at once.
func expected(t *testing.T, s *sae.SAE, src activations.Source) (activations.Rows, sae.Codes) {
	t.Helper()
	var rows activations.Rows
	if err := src.Next(context.Background(), &rows, 1<<20); err != nil {
		t.Fatal(err)
	}
	var c sae.Codes
	s.Encode(&c, rows.X, rows.N)
	return rows, c
}

func write(t *testing.T, s *sae.SAE, src activations.Source, o Options) (string, *Report) {
	t.Helper()
	dir := t.TempDir()
	rep, err := File(context.Background(), s, src, blob.Dir(dir), "f.arrow", o)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "f.arrow"), rep
}

// batches calls f for every record batch.
func batches(t *testing.T, path string, f func(rec arrow.Record)) {
	t.Helper()
	r, err := arrowfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.Batches() {
		rec, err := r.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		f(rec)
		rec.Release()
	}
}

func TestSparseRows(t *testing.T) {
	s, open := capture(t)
	rows, want := expected(t, s, open())
	path, rep := write(t, s, open(), Options{})
	row := 0
	batches(t, path, func(rec arrow.Record) {
		id := rec.Column(0).(*array.Int64)
		il, vl := rec.Column(1).(*array.List), rec.Column(2).(*array.List)
		for r := range int(rec.NumRows()) {
			from, to := il.ValueOffsets(r)
			index, value := want.Row(row)
			if id.Value(r) != rows.Index[row] ||
				!slices.Equal(il.ListValues().(*array.Uint32).Uint32Values()[from:to], index) ||
				!slices.Equal(vl.ListValues().(*array.Float32).Float32Values()[from:to], value) {
				t.Fatalf("row %d of the file is not row %d of the store", row, rows.Index[row])
			}
			row++
		}
	})
	if row != rows.N || rep.Rows != int64(row) || rep.Entries != int64(want.Len()) || rep.L0 != want.L0() {
		t.Errorf("%d rows and report %+v, expected %d rows with %d entries", row, rep, rows.N, want.Len())
	}
	sum, err := os.ReadFile(path)
	if err != nil || len(sum) == 0 || len(rep.SHA256) != 64 {
		t.Errorf("%d bytes with checksum %q, %v", len(sum), rep.SHA256, err)
	}
}

func TestDenseRows(t *testing.T) {
	s, open := capture(t)
	rows, want := expected(t, s, open())
	dense := make([]float32, rows.N*s.DSAE)
	want.Dense(dense, s.DSAE)
	path, _ := write(t, s, open(), Options{Dense: true})
	row := 0
	batches(t, path, func(rec arrow.Record) {
		v := rec.Column(1).(*array.FixedSizeList).ListValues().(*array.Float32).Float32Values()
		n := int(rec.NumRows())
		if !slices.Equal(v[:n*s.DSAE], dense[row*s.DSAE:(row+n)*s.DSAE]) {
			t.Fatalf("the batch from row %d differs", row)
		}
		row += n
	})
	if row != rows.N {
		t.Errorf("%d rows, expected %d", row, rows.N)
	}
}

// few hands out at most step rows at a time.
type few struct {
	activations.Source
	step int
}

func (f few) Next(ctx context.Context, dst *activations.Rows, max int) error {
	return f.Source.Next(ctx, dst, min(max, f.step))
}

func TestBytesDoNotDependOnTheSource(t *testing.T) {
	s, open := capture(t)
	_, a := write(t, s, open(), Options{})
	_, b := write(t, s, few{open(), 37}, Options{})
	if a.SHA256 != b.SHA256 {
		t.Error("a source that hands out 37 rows at a time gives other bytes")
	}
}

func TestFailuresLeaveNothing(t *testing.T) {
	s, open := capture(t)
	dir := t.TempDir()
	full := &blobtest.Faulty{Store: blob.Dir(dir), FullAfter: 2000}
	if _, err := File(context.Background(), s, open(), full, "f.arrow", Options{}); err == nil {
		t.Error("a full disk gave no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := File(ctx, s, open(), blob.Dir(dir), "f.arrow", Options{}); err == nil {
		t.Error("a cancelled context gave no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	other := sae.New(sae.ArchStandard, 5, 5)
	if _, err := File(context.Background(), other, open(), blob.Dir(dir), "f.arrow", Options{}); err == nil || !strings.Contains(err.Error(), "d_in 5") {
		t.Errorf("another width gave %v", err)
	}
}

func ExampleFile() {
	dir, err := os.MkdirTemp("", "encode")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s := sae.New(sae.ArchStandard, 2, 2)
	copy(s.WEnc, []float32{1, 0, 0, 1})
	src := saetest.NewPlanted(2, 2, 1, 1).Source(100)
	rep, err := File(context.Background(), s, src, blob.Dir(dir), "features.arrow", Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(rep.Rows, "rows,", rep.Features, "features")
	// Output: 100 rows, 2 features
}
