//go:build !noasm

package tensor

//go:generate go run -C _generate/pack pack.go -out ../../pack_amd64.s -stubs ../../pack_stubs_amd64.go -pkg tensor

// interleaveAVX2 packs h rows of n floats, ld apart, as dst[k·step + row]: eight,
// six or four rows at a time, the few that are left one by one.
func interleaveAVX2(dst, src []float32, h, n, ld, step int) {
	if h == 0 || n == 0 {
		return
	}
	_, _ = dst[(n-1)*step+h-1], src[(h-1)*ld+n-1]
	quads := n / 4
	for r := 0; r < h; {
		rows := min(h-r, 8)
		switch d, s := dst[r:], src[r*ld:]; {
		case quads == 0 || rows < 4:
			interleaveGeneric(d, s, rows, n, ld, step)
			r += rows
			continue
		case rows == 8:
			transpose8AVX2(&d[0], &s[0], quads, ld, step)
		case rows >= 6:
			rows = 6
			transpose6AVX2(&d[0], &s[0], quads, ld, step)
		default:
			rows = 4
			transpose4AVX2(&d[0], &s[0], quads, ld, step)
		}
		if rest := n - 4*quads; rest > 0 {
			interleaveGeneric(dst[4*quads*step+r:], src[r*ld+4*quads:], rows, rest, ld, step)
		}
		r += rows
	}
}

// stripesAVX2 copies n rows of h contiguous floats, ld apart, to dst[k·h].
func stripesAVX2(dst, src []float32, h, n, ld int) {
	if n == 0 {
		return
	}
	_, _ = dst[n*h-1], src[(n-1)*ld+h-1]
	switch h {
	case 6:
		stripes6AVX2(&dst[0], &src[0], n, ld)
	case 14:
		stripes14AVX2(&dst[0], &src[0], n, ld)
	case 16:
		stripes16AVX2(&dst[0], &src[0], n, ld)
	case 32:
		stripes32AVX2(&dst[0], &src[0], n, ld)
	default:
		stripesGeneric(dst, src, h, n, ld)
	}
}
