package tensor

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// FuzzPack holds the packing kernels of every path against the portable ones.
func FuzzPack(f *testing.F) {
	for i := range 40 {
		f.Add(uint64(i), uint8(i), uint8(i*3), uint8(i&3), uint8(i*5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, h, n, gap, shift uint8) {
		for _, k := range kernels() {
			r := rand.New(rand.NewPCG(seed, 3))
			checkInterleave(t, k, r, 1+int(h)%32, int(n), int(gap), int(shift))
			checkStripes(t, k, r, int(n), int(gap), int(shift))
		}
	})
}

func checkInterleave(t *testing.T, k *kernel, r *rand.Rand, h, n, gap, shift int) {
	step := h + gap%3
	src := newGuarded(max((h-1)*(n+gap)+n, 0), shift&15, normal(r))
	dst := newGuarded(max((n-1)*step+h, 0), shift>>4, normal(r))
	if n == 0 {
		src, dst = newGuarded(h*gap, 0, normal(r)), newGuarded(0, 0, normal(r))
	}
	want := dst.clone()
	for i := range h {
		for j := range n {
			want[j*step+i] = src.x[i*(n+gap)+j]
		}
	}
	k.interleave(dst.x, src.x, h, n, n+gap, step)
	what := fmt.Sprintf("%s: %d rows of %d, step %d", k.name, h, n, step)
	dst.check(t, what)
	sameBits(t, what, dst.x, want)
}

func checkStripes(t *testing.T, k *kernel, r *rand.Rand, n, gap, shift int) {
	for _, h := range append([]int{3, k.nr}, k.heights...) {
		src := newGuarded(max((n-1)*(h+gap)+h, 0), shift&15, normal(r))
		dst := newGuarded(n*h, shift>>4, normal(r))
		want := make([]float32, n*h)
		for i := range want {
			want[i] = src.x[i/h*(h+gap)+i%h]
		}
		k.stripes(dst.x, src.x, h, n, h+gap)
		what := fmt.Sprintf("%s: %d stripes of %d", k.name, n, h)
		dst.check(t, what)
		sameBits(t, what, dst.x, want)
	}
}

// FuzzTile holds every micro-kernel, at every height, against sums in the same
// order; guards stand around the tile and between its rows.
func FuzzTile(f *testing.F) {
	for kc := range 12 {
		f.Add(uint64(kc), uint16(kc), uint8(kc), kc%2 == 0)
	}
	f.Add(uint64(1), uint16(384), uint8(5), true)
	f.Fuzz(func(t *testing.T, seed uint64, kc uint16, gap uint8, add bool) {
		for _, k := range kernels() {
			r := rand.New(rand.NewPCG(seed, 6))
			for _, h := range k.heights {
				checkTile(t, k, r, h, 1+int(kc)%500, int(gap%9), add)
			}
			checkRow4(t, k, r, 1+int(kc)%500, int(gap%9), add)
		}
	})
}

func checkTile(t *testing.T, k *kernel, r *rand.Rand, h, kc, gap int, add bool) {
	ld := k.nr + gap
	a, b := newGuarded(kc*h, gap, normal(r)), newGuarded(kc*k.nr, gap, normal(r))
	c := newGuarded((h-1)*ld+k.nr, gap, normal(r))
	want, size := c.clone(), make([]float64, len(c.x))
	for i := range h {
		for j := range k.nr {
			var s float64
			for l := range kc {
				p := float64(a.x[l*h+i]) * float64(b.x[l*k.nr+j])
				s, size[i*ld+j] = s+p, size[i*ld+j]+max(p, -p)
			}
			if add {
				s += float64(want[i*ld+j])
			}
			want[i*ld+j] = float32(s)
		}
	}
	k.tile[h](kc, a.x, b.x, c.x, ld, add)
	what := fmt.Sprintf("%s: tile of %d rows, %d steps, add %v", k.name, h, kc, add)
	c.check(t, what)
	// kc+2 roundings of partial sums below size.
	within(t, what, c.x, want, func(i int) float64 { return float64(kc+2)*0x1p-24*size[i] + ulp(want[i]) })
}

// checkRow4 holds the four-panel kernel equal to four times the one-row tile.
func checkRow4(t *testing.T, k *kernel, r *rand.Rand, kc, gap int, add bool) {
	if k.row4 == nil {
		return
	}
	stride := kc*k.nr + gap
	a, b := newGuarded(kc, gap, normal(r)), newGuarded(3*stride+kc*k.nr, gap, normal(r))
	c := newGuarded(4*k.nr, gap, normal(r))
	want := c.clone()
	for p := range 4 {
		k.tile[1](kc, a.x, b.x[p*stride:], want[p*k.nr:], k.nr, add)
	}
	k.row4(kc, a.x, b.x, stride, c.x, add)
	what := fmt.Sprintf("%s: row of four panels, %d steps, add %v", k.name, kc, add)
	c.check(t, what)
	sameBits(t, what, c.x, want)
}
