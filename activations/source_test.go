package activations

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

const residPost = "blocks.0.hook_resid_post"

// everything keeps all rows.
var everything = Filter{KeepSpecial: true, MaxNorm: -1}

func TestShuffledHandsOutEveryRowOnce(t *testing.T) {
	s := fakeStore(t, 80)
	plain, err := s.Source(residPost, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want := readAll(t, plain, 50)
	size := int64(6 * 2)
	for name, budget := range map[string]int64{"whole": 1 << 30, "blocks": s.Len() * size / 2, "tiny blocks": 16 * size, "rows": 1} {
		src, err := s.ShuffleWithin(residPost, Filter{}, 7, budget)
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, src, 33)
		if slices.IsSorted(got.Index) {
			t.Errorf("%s: rows are in order", name)
		}
		if n := src.(Seeker).Len(); n != int64(got.N) || got.N != want.N {
			t.Fatalf("%s: found %d rows, Len %d, expected %d", name, got.N, n, want.N)
		}
		at := map[int64]int{}
		for i, row := range want.Index {
			at[row] = i
		}
		for i, row := range got.Index {
			j, ok := at[row]
			if !ok {
				t.Fatalf("%s: row %d is left out or comes twice", name, row)
			}
			delete(at, row)
			if got.Token[i] != want.Token[j] || got.Doc[i] != want.Doc[j] || got.Pos[i] != want.Pos[j] || got.Role[i] != want.Role[j] || !slices.Equal(got.Row(i), want.Row(j)) {
				t.Fatalf("%s: row %d is not the one of the store", name, row)
			}
		}
	}
}

func TestShuffleDependsOnTheSeedOnly(t *testing.T) {
	s := fakeStore(t, 40)
	index := func(seed uint64, budget int64, max int) []int64 {
		src, err := s.ShuffleWithin(residPost, Filter{}, seed, budget)
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, src, max).Index
	}
	for _, budget := range []int64{1 << 30, 2000} {
		if !slices.Equal(index(1, budget, 10), index(1, budget, 64)) {
			t.Error("the order depends on how many rows are asked for")
		}
		if slices.Equal(index(1, budget, 10), index(2, budget, 10)) {
			t.Error("two seeds give one order")
		}
	}
}

// TestShuffleIsUniform draws the first row 2,000 times from 20: a χ² with 19
// degrees of freedom is below 43.8 in 99.9 % of the cases, and the seeds are
// fixed.
func TestShuffleIsUniform(t *testing.T) {
	counts := make([]int, 20)
	m := &arrayRows{data: make([]byte, 20*4), descr: "<f4", d: 1}
	var r Rows
	for seed := range uint64(2000) {
		q := newShuffled(m, selectAll(20), seed, 1<<20)
		if err := q.Next(context.Background(), &r, 1); err != nil {
			t.Fatal(err)
		}
		counts[r.Index[0]]++
	}
	chi := 0.0
	for _, n := range counts {
		chi += float64(n-100) * float64(n-100) / 100
	}
	if chi > 43.8 {
		t.Errorf("found χ² %.1f in %v", chi, counts)
	}
}

func TestSeekRow(t *testing.T) {
	s := fakeStore(t, 60)
	open := map[string]func() (Source, error){
		"in order": func() (Source, error) { return s.Source(residPost, Filter{}) },
		"shuffled": func() (Source, error) { return s.ShuffleWithin(residPost, Filter{}, 3, 1<<30) },
		"blocks":   func() (Source, error) { return s.ShuffleWithin(residPost, Filter{}, 3, 3000) },
	}
	for name, f := range open {
		src, err := f()
		if err != nil {
			t.Fatal(err)
		}
		all := readAll(t, src, 64).Index
		seek := src.(Seeker)
		for _, k := range []int64{0, 1, 17, int64(len(all)) - 1, 5, int64(len(all))} {
			if err := seek.SeekRow(k); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, src, 64).Index; !slices.Equal(got, all[k:]) {
				t.Errorf("%s: after SeekRow(%d) found %d rows, expected the last %d", name, k, len(got), len(all)-int(k))
			}
		}
		for _, k := range []int64{-1, int64(len(all)) + 1} {
			if err := seek.SeekRow(k); err == nil {
				t.Errorf("%s: SeekRow(%d) succeeded", name, k)
			}
		}
	}
}

func TestNextObeysItsContract(t *testing.T) {
	s := fakeStore(t, 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, open := range []func() (Source, error){
		func() (Source, error) { return s.Source(residPost, Filter{}) },
		func() (Source, error) { return s.Shuffled(residPost, Filter{}, 1) },
	} {
		src, err := open()
		if err != nil {
			t.Fatal(err)
		}
		var r Rows
		if err := src.Next(ctx, &r, 5); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: found %v", err)
		}
		if err := src.Next(context.Background(), &r, 0); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("0 rows: found %v", err)
		}
		readAll(t, src, 5)
		for range 2 {
			if err := src.Next(context.Background(), &r, 5); err != io.EOF || r.N != 0 {
				t.Errorf("at the end: found %v and %d rows", err, r.N)
			}
		}
	}
	if _, err := s.Source("blocks.9.hook_resid_post", Filter{}); err == nil || !strings.Contains(err.Error(), residPost) {
		t.Errorf("an unknown hook: found %v", err)
	}
}

// loud is a runner whose rows at token 7 have 1,000 times the norm.
type loud struct{ *fakeRunner }

func (r loud) Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	out, err := r.fakeRunner.Run(ctx, seqs, hooks)
	at := 0
	for _, s := range seqs {
		for _, id := range s {
			if id == 7 {
				for i := range 6 {
					out[residPost][at*6+i] *= 1000
				}
			}
			at++
		}
	}
	return out, err
}

func TestFilter(t *testing.T) {
	dir := t.TempDir()
	mustCapture(t, fakeOptions(dir), loud{newFake()}, fakeDocs(80))
	s := mustOpen(t, dir)
	all, err := s.Source(residPost, everything)
	if err != nil {
		t.Fatal(err)
	}
	rows := readAll(t, all, 100)
	norms := make([]float64, rows.N)
	for i := range norms {
		for _, v := range rows.Row(i) {
			norms[i] += float64(v) * float64(v)
		}
		norms[i] = math.Sqrt(norms[i])
	}
	sorted := slices.Clone(norms)
	slices.Sort(sorted)
	med := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	for _, c := range []struct {
		name string
		f    Filter
		keep func(i int) bool
	}{
		{"all", everything, func(int) bool { return true }},
		{"default", Filter{}, func(i int) bool { return rows.Token[i] != 1 && norms[i] <= 10*med }},
		{"roles", Filter{Roles: []uint8{2, 3}, MaxNorm: -1}, func(i int) bool { return rows.Token[i] != 1 && (rows.Role[i] == 2 || rows.Role[i] == 3) }},
		{"no role", Filter{Roles: []uint8{}}, func(int) bool { return false }},
		{"norm", Filter{KeepSpecial: true, MaxNorm: 1}, func(i int) bool { return norms[i] <= med }},
	} {
		mask, left, err := s.Kept(residPost, c.f)
		if err != nil {
			t.Fatal(err)
		}
		kept := int64(0)
		for i, k := range mask {
			if k != c.keep(i) {
				t.Errorf("%s: row %d (token %d, role %d, norm %.2f of median %.2f): kept %v", c.name, i, rows.Token[i], rows.Role[i], norms[i], med, k)
			}
			if k {
				kept++
			}
		}
		if left.Kept() != kept || left.Total != s.Len() || c.f.MaxNorm >= 0 && math.Abs(left.MedianNorm-med) > 1e-6*med {
			t.Errorf("%s: %+v, expected %d kept", c.name, left, kept)
		}
		src, err := s.Source(residPost, c.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, src, 64); int64(got.N) != kept || src.(Lefter).Left() != left {
			t.Errorf("%s: the source gives %d rows, expected %d", c.name, got.N, kept)
		}
	}
	if _, left, _ := s.Kept(residPost, Filter{}); left.Norm == 0 || left.Special == 0 || left.Share() <= 0 || left.Share() >= 1 {
		t.Errorf("the default filter left out %+v", left)
	}
}

func TestProvenance(t *testing.T) {
	s := fakeStore(t, 30)
	src, err := s.Source(residPost, everything)
	if err != nil {
		t.Fatal(err)
	}
	all := readAll(t, src, 100)
	var r Rows
	if err := s.Provenance(&r, 5, 50); err != nil || r.N != 50 || len(r.X) != 0 || !slices.Equal(r.Token, all.Token[5:55]) || !slices.Equal(r.Pos, all.Pos[5:55]) || r.Index[0] != 5 {
		t.Errorf("Provenance: %v, %d rows", err, r.N)
	}
	if err := s.Provenance(&r, s.Len()-3, 10); err != nil || r.N != 3 {
		t.Errorf("at the end: %v, %d rows", err, r.N)
	}
	if err := s.Provenance(&r, s.Len()+1, 1); err == nil {
		t.Error("read rows behind the end")
	}
}

func TestMedianIsNumpys(t *testing.T) {
	for _, c := range []struct {
		x    []float32
		want float64
	}{{nil, 0}, {[]float32{3}, 3}, {[]float32{4, 1}, 2.5}, {[]float32{9, 1, 5}, 5}, {[]float32{1, 2, 3, 10}, 2.5}} {
		if got := median(c.x); got != c.want {
			t.Errorf("median(%v) = %v, expected %v", c.x, got, c.want)
		}
	}
}
