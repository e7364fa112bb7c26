package tensor

import (
	"encoding/binary"
	"math"
	"testing"
)

// TestF16RoundTrip decodes all 65,536 halves against their definition and encodes
// them back.
func TestF16RoundTrip(t *testing.T) {
	src := make([]byte, 2<<16)
	for i := range 1 << 16 {
		binary.LittleEndian.PutUint16(src[2*i:], uint16(i))
	}
	eachKernel(t, func(t *testing.T) {
		x, back := make([]float32, 1<<16), make([]byte, 2<<16)
		F16ToF32(x, src)
		F32ToF16(back, x)
		for i, v := range x {
			if want := halfValue(uint16(i)); bitsOf(v) != bitsOf(float32(want)) {
				t.Fatalf("half %04x is %g, expected %g", i, v, want)
			}
			h := binary.LittleEndian.Uint16(back[2*i:])
			if nan := i&0x7c00 == 0x7c00 && i&0x3ff != 0; h != uint16(i) && !(nan && h == uint16(i)|0x200) {
				t.Fatalf("half %04x comes back as %04x", i, h)
			}
		}
	})
}

// halfValue is (−1)^s · 2^(e−15) · (1 + f/1024), with the usual ends.
func halfValue(h uint16) float64 {
	e, f := int(h>>10&31), float64(h&0x3ff)
	v := math.Ldexp(1+f/1024, e-15)
	switch {
	case e == 0:
		v = math.Ldexp(f/1024, -14)
	case e == 31 && f == 0:
		v = math.Inf(1)
	case e == 31:
		v = math.NaN()
	}
	return math.Copysign(v, 1-2*float64(h>>15))
}

// TestF32ToF16RoundsToNearestEven walks the neighbours of every finite half and of
// the midpoints between them.
func TestF32ToF16RoundsToNearestEven(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		for i := range uint16(0x7c00) {
			low, high := halfValue(i), halfValue(i+1)
			if i == 0x7bff {
				high = 65536 // where infinity would stand
			}
			mid := float32((low + high) / 2)
			even := i + i&1
			checkHalf(t, float32(low), i)
			checkHalf(t, math.Nextafter32(mid, 0), i)
			checkHalf(t, mid, even)
			checkHalf(t, math.Nextafter32(mid, 1e9), i+1)
		}
		checkHalf(t, 1e-45, 0)
		checkHalf(t, math.MaxFloat32, 0x7c00)
		checkHalf(t, float32(math.Inf(1)), 0x7c00)
	})
}

// checkHalf encodes ±v in a block of eight and as a tail.
func checkHalf(t *testing.T, v float32, want uint16) {
	t.Helper()
	var dst [18]byte
	F32ToF16(dst[:], []float32{v, -v, v, v, v, v, v, v, -v})
	for j, w := range map[int]uint16{0: want, 1: want | 0x8000, 8: want | 0x8000} {
		if got := binary.LittleEndian.Uint16(dst[2*j:]); got != w {
			t.Fatalf("%g at %d becomes %04x, expected %04x", v, j, got, w)
		}
	}
}

// FuzzDecode holds every decoder against the portable one on arbitrary bytes, at
// odd addresses and lengths, with guards around what is written.
func FuzzDecode(f *testing.F) {
	seed := make([]byte, 700)
	for i := range seed {
		seed[i] = byte(i * 37)
	}
	for n := range 20 {
		f.Add(seed[n:n*35], uint8(n))
	}
	f.Fuzz(func(t *testing.T, data []byte, shift uint8) {
		for _, k := range kernels() {
			for _, dt := range allTypes {
				l, _ := layoutOf(dt)
				n := len(data) / l.bytes * l.block
				got := newGuarded(n, int(shift&15), func() float32 { return 1 })
				want := make([]float32, n)
				k.decode(got.x, dt, data)
				genericKernel.decode(want, dt, data)
				got.check(t, k.name+" "+dt.String())
				sameBits(t, k.name+" "+dt.String(), got.x, want)
			}
			checkEncode(t, k, data, int(shift&15))
		}
	})
}

// checkEncode reads data as floats and encodes them as halves.
func checkEncode(t *testing.T, k *kernel, data []byte, shift int) {
	x := make([]float32, len(data)/4)
	f32Decode(x, data)
	want := make([]byte, 2*len(x))
	f32to16Generic(want, x)
	got := make([]byte, shift+2*len(x)+64)
	for i := range got {
		got[i] = 0xa5
	}
	k.f32to16(got[shift:shift+2*len(x)], x)
	for i, b := range got {
		w := byte(0xa5)
		if j := i - shift; j >= 0 && j < len(want) {
			w = want[j]
		}
		if b != w {
			t.Fatalf("%s: byte %d of %d halves is %02x, expected %02x", k.name, i-shift, len(x), b, w)
		}
	}
}
