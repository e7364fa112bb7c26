package sae

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// random draws all parameters of a dictionary.
func random(arch string, d, f, k int, seed uint64) *SAE {
	r := rand.New(rand.NewPCG(seed, 1))
	s := New(arch, d, f)
	s.K = k
	for _, p := range [][]float32{s.WEnc, s.BEnc, s.WDec, s.BDec} {
		for i := range p {
			p[i] = float32(r.NormFloat64()) / 3
		}
	}
	for i := range s.Threshold {
		s.Threshold[i] = r.Float32() - 0.2
	}
	return s
}

func inputs(n, d int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

var archs = []string{ArchStandard, ArchTopK, ArchJumpReLU}

// plain encodes as the formulas read, one float64 product at a time; the
// pre-activations come from PreActs so that ties and thresholds are decided on
// the same numbers.
func plain(s *SAE, pre []float32) []float32 {
	out := make([]float32, len(pre))
	switch s.Arch {
	case ArchTopK:
		order := make([]int, len(pre))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(pre[b], pre[a]) })
		for _, i := range order[:s.K] {
			out[i] = max(pre[i], 0)
		}
	case ArchJumpReLU:
		for i, v := range pre {
			if v > s.Threshold[i] {
				out[i] = max(v, 0)
			}
		}
	default:
		for i, v := range pre {
			out[i] = max(v, 0)
		}
	}
	return out
}

func TestEncodeFollowsTheFormula(t *testing.T) {
	for _, arch := range archs {
		for _, beta := range []bool{false, true} {
			s := random(arch, 7, 23, 5, 3)
			s.ApplyBDecToInput = beta
			const n = 40
			x := inputs(n, s.DIn, 4)
			pre := make([]float32, n*s.DSAE)
			s.PreActs(pre, x, n)
			var c Codes
			s.Encode(&c, x, n)
			dense := make([]float32, n*s.DSAE)
			c.Dense(dense, s.DSAE)
			for r := range n {
				want := plain(s, pre[r*s.DSAE:(r+1)*s.DSAE])
				if !slices.Equal(dense[r*s.DSAE:(r+1)*s.DSAE], want) {
					t.Errorf("%s, β %v, row %d: found %v, expected %v", arch, beta, r, dense[r*s.DSAE:(r+1)*s.DSAE], want)
				}
			}
			checkPreActs(t, s, pre, x)
			checkDecode(t, s, &c, dense)
		}
	}
}

// sumTolerance bounds the rounding of a float32 sum of a few dozen products of
// order one.
const sumTolerance = 1e-5

func checkPreActs(t *testing.T, s *SAE, pre, x []float32) {
	t.Helper()
	for i, got := range pre {
		r, f := i/s.DSAE, i%s.DSAE
		want := float64(s.BEnc[f])
		for j := range s.DIn {
			v := float64(x[r*s.DIn+j])
			if s.ApplyBDecToInput {
				v -= float64(s.BDec[j])
			}
			want += v * float64(s.Encoder(f)[j])
		}
		if math.Abs(float64(got)-want) > sumTolerance {
			t.Fatalf("%s: pre-activation %d of row %d is %v, expected %v", s.Arch, f, r, got, want)
		}
	}
}

func checkDecode(t *testing.T, s *SAE, c *Codes, dense []float32) {
	t.Helper()
	got := make([]float32, c.N*s.DIn)
	s.Decode(got, c)
	for i, v := range got {
		r, j := i/s.DIn, i%s.DIn
		want := float64(s.BDec[j])
		for f := range s.DSAE {
			want += float64(dense[r*s.DSAE+f]) * float64(s.Decoder(f)[j])
		}
		if math.Abs(float64(v)-want) > sumTolerance {
			t.Fatalf("%s: x̂ %d of row %d is %v, expected %v", s.Arch, j, r, v, want)
		}
	}
}

func TestRowsDoNotDependOnTheirBatchOrThreads(t *testing.T) {
	for _, arch := range archs {
		s := random(arch, 48, 300, 9, 5)
		const n = 130
		x := inputs(n, s.DIn, 6)
		var all, one Codes
		s.Encode(&all, x, n)
		for r := range n {
			s.Encode(&one, x[r*s.DIn:(r+1)*s.DIn], 1)
			i, v := all.Row(r)
			if !slices.Equal(one.Index, i) || !slices.Equal(one.Value, v) {
				t.Fatalf("%s: row %d alone is not row %d of %d", arch, r, r, n)
			}
		}
		st := s.Stream()
		st.tile = 7
		for _, threads := range []int{1, 3} {
			old := runtime.GOMAXPROCS(threads)
			st.Encode(&one, x, n)
			runtime.GOMAXPROCS(old)
			if !slices.Equal(one.Ptr, all.Ptr) || !slices.Equal(one.Index, all.Index) || !slices.Equal(one.Value, all.Value) {
				t.Errorf("%s: tiles of 7 rows on %d threads give other features", arch, threads)
			}
		}
	}
}

func TestTilesAreBounded(t *testing.T) {
	s := New(ArchStandard, 2, 1<<16)
	if st := s.oneOff(); 4*st.tile*s.DSAE > tileBytes {
		t.Errorf("a tile of %d rows takes %d bytes, expected at most %d", st.tile, 4*st.tile*s.DSAE, tileBytes)
	}
}

func TestFoldingKeepsReconstructions(t *testing.T) {
	s := random(ArchJumpReLU, 6, 20, 0, 7)
	const n = 30
	x := inputs(n, s.DIn, 8)
	var before, after Codes
	want, got := make([]float32, n*s.DIn), make([]float32, n*s.DIn)
	s.Encode(&before, x, n)
	s.Decode(want, &before)
	norms := s.DecoderNorms()
	if err := s.FoldDecoderNorms(); err != nil {
		t.Fatal(err)
	}
	s.Encode(&after, x, n)
	s.Decode(got, &after)
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > sumTolerance {
			t.Fatalf("x̂ %d is %v, expected %v", i, got[i], want[i])
		}
	}
	if !slices.Equal(before.Index, after.Index) {
		t.Fatal("folding changed which features fire")
	}
	for j, i := range after.Index {
		if w := before.Value[j] * norms[i]; math.Abs(float64(after.Value[j]-w)) > sumTolerance {
			t.Fatalf("activation %d is %v, expected %v", j, after.Value[j], w)
		}
	}
	for i, v := range s.DecoderNorms() {
		if math.Abs(float64(v)-1) > 1e-6 {
			t.Errorf("decoder row %d has norm %v after folding", i, v)
		}
	}
	if err := random(ArchTopK, 4, 8, 2, 1).FoldDecoderNorms(); err == nil {
		t.Error("folding the norms of a topk dictionary gave no error")
	}
}

// A dictionary of x/8 folded by 8 is one of x; 8 is a power of two, so every
// number scales without rounding.
func TestFoldScaleIsExact(t *testing.T) {
	s := random(ArchJumpReLU, 6, 20, 0, 9)
	const n, c = 30, 8
	x := inputs(n, s.DIn, 10)
	scaled := slices.Clone(x)
	for i := range scaled {
		scaled[i] /= c
	}
	var small, big Codes
	s.Encode(&small, scaled, n)
	s.FoldScale(c)
	s.Encode(&big, x, n)
	if !slices.Equal(small.Index, big.Index) {
		t.Fatal("folding changed which features fire")
	}
	for j, v := range small.Value {
		if big.Value[j] != c*v {
			t.Fatalf("activation %d is %v, expected %v", j, big.Value[j], c*v)
		}
	}
}

func TestKeepLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		c, flat := randomCodes(r)
		keep := r.IntN(len(flat) + 3)
		slices.SortStableFunc(flat, func(a, b flatEntry) int { return cmp.Compare(b.value, a.value) })
		flat = flat[:min(keep, len(flat))]
		slices.SortFunc(flat, func(a, b flatEntry) int { return cmp.Compare(a.at, b.at) })
		smallest := KeepLargest(c, keep)
		least := float32(math.Inf(1))
		for j, f := range flat {
			if c.Len() != len(flat) || c.Value[j] != f.value || c.Index[j] != f.index {
				t.Fatalf("keeping %d: entry %d is wrong", keep, j)
			}
			least = min(least, f.value)
		}
		if len(flat) == 0 {
			least = 0
		}
		if smallest != least || int(c.Ptr[c.N]) != len(flat) || len(c.Ptr) != c.N+1 {
			t.Fatalf("keeping %d of the batch: smallest %v, expected %v; %d entries, expected %d", keep, smallest, least, c.Ptr[c.N], len(flat))
		}
	}
}

type flatEntry struct {
	at    int
	index uint32
	value float32
}

// randomCodes draws rows with many equal values.
func randomCodes(r *rand.Rand) (*Codes, []flatEntry) {
	var c Codes
	var flat []flatEntry
	c.Reset()
	for range 1 + r.IntN(8) {
		var index []uint32
		var value []float32
		for i := range uint32(12) {
			if r.IntN(2) == 0 {
				v := float32(1+r.IntN(6)) / 4
				flat = append(flat, flatEntry{len(flat), i, v})
				index, value = append(index, i), append(value, v)
			}
		}
		c.Append(index, value)
	}
	return &c, flat
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for want, spoil := range map[string]func(*SAE){
		"W_dec":        func(s *SAE) { s.WDec = s.WDec[1:] },
		"threshold":    func(s *SAE) { s.Threshold = nil },
		`"gated"`:      func(s *SAE) { s.Arch = "gated" },
		"found k 0":    func(s *SAE) { s.Arch = ArchTopK },
		"d_sae 0":      func(s *SAE) { s.DSAE = 0 },
		"b_enc: found": func(s *SAE) { s.BEnc = nil },
	} {
		s := random(ArchJumpReLU, 3, 4, 0, 1)
		spoil(s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, expected an error with %s", err, want)
		}
	}
	if err := random(ArchTopK, 3, 4, 2, 1).Check(); err != nil {
		t.Error(err)
	}
}

func TestWrongShapesPanic(t *testing.T) {
	s := random(ArchStandard, 3, 4, 0, 1)
	for name, f := range map[string]func(){
		"Encode":  func() { s.Encode(&Codes{}, make([]float32, 5), 2) },
		"PreActs": func() { s.PreActs(make([]float32, 7), make([]float32, 6), 2) },
		"Decode":  func() { s.Decode(make([]float32, 5), &Codes{N: 1, Ptr: []int64{0, 0}}) },
	} {
		func() {
			defer func() {
				err, ok := recover().(error)
				if !ok || !errors.Is(err, ErrShape) {
					t.Errorf("%s: panicked with %v, expected ErrShape", name, err)
				}
			}()
			f()
		}()
	}
}

func FuzzLargest(f *testing.F) {
	f.Add([]byte{3, 1, 2, 2, 9}, 2)
	f.Fuzz(func(t *testing.T, data []byte, k int) {
		if len(data) == 0 {
			return
		}
		k = 1 + int(uint(k)%uint(len(data)))
		b := make([]uint32, len(data))
		for i, v := range data {
			b[i] = uint32(v)
		}
		sorted := slices.Clone(b)
		slices.SortFunc(sorted, func(x, y uint32) int { return cmp.Compare(y, x) })
		want := sorted[k-1]
		first, _ := slices.BinarySearchFunc(sorted, want, func(x, y uint32) int { return cmp.Compare(y, x) })
		cut, ties := largest(b, k)
		if cut != want || ties != k-first {
			t.Errorf("the %d-th largest of %v: found %d with %d ties, expected %d with %d", k, data, cut, ties, want, k-first)
		}
	})
}
