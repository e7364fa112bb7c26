//go:build !noasm

package tensor

//go:generate go run -C _generate/gemm gemm.go -out ../../gemm_amd64.s -stubs ../../gemm_stubs_amd64.go -pkg tensor

// asmTile makes a micro-kernel of h×nr out of an assembly one. The slice
// expressions are the bounds checks that assembly cannot make.
func asmTile(h, nr int, f func(kc int, a, b, c *float32, ldc int, add bool)) tileFunc {
	return func(kc int, a, b, c []float32, ldc int, add bool) {
		_, _, _ = a[kc*h-1], b[kc*nr-1], c[(h-1)*ldc+nr-1]
		f(kc, &a[0], &b[0], &c[0], ldc, add)
	}
}

func row4AVX2(kc int, a, b []float32, stride int, c []float32, add bool) {
	_, _, _ = a[kc-1], b[3*stride+kc*16-1], c[4*16-1]
	row4x16AVX2(kc, &a[0], &b[0], stride, &c[0], add)
}

func row4AVX512(kc int, a, b []float32, stride int, c []float32, add bool) {
	_, _, _ = a[kc-1], b[3*stride+kc*32-1], c[4*32-1]
	row4x32AVX512(kc, &a[0], &b[0], stride, &c[0], add)
}

// tilesAVX2 are the micro-kernels of 16 columns by height.
var tilesAVX2 = [maxHeight + 1]tileFunc{
	6: asmTile(6, 16, tile6x16AVX2),
	4: asmTile(4, 16, tile4x16AVX2),
	2: asmTile(2, 16, tile2x16AVX2),
	1: asmTile(1, 16, tile1x16AVX2),
}

// tilesAVX512 are the micro-kernels of 32 columns by height.
var tilesAVX512 = [maxHeight + 1]tileFunc{
	14: asmTile(14, 32, tile14x32AVX512),
	8:  asmTile(8, 32, tile8x32AVX512),
	4:  asmTile(4, 32, tile4x32AVX512),
	2:  asmTile(2, 32, tile2x32AVX512),
	1:  asmTile(1, 32, tile1x32AVX512),
}
