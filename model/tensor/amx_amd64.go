//go:build !noasm

package tensor

//go:generate go run -C _generate/amx . -out ../../amx_amd64.s -stubs ../../amx_stubs_amd64.go -pkg tensor

// amxKernel is the AVX-512 path with AMX for the products of large weights.
var amxKernel = withSplit(avx512Kernel, amxName, &splitKernel{
	panels: [4]func(blocks, n int, a, b *byte, step int, c *float32, ldc int, sums *float32, add bool){
		1: splitPanels1AMX, 2: splitPanels2AMX, 3: splitPanels3AMX,
	},
	row:  [4]func(dst *byte, src *float32, blocks, step int){1: splitRow1AMX, 2: splitRow2AMX, 3: splitRow3AMX},
	pair: [4]func(dst *byte, even, odd *float32, n, step int){1: splitPair1AMX, 2: splitPair2AMX, 3: splitPair3AMX},
	turn: turnTilesAMX,
}, peakFunc{peakAMX, 2 * 4 * 16 * 16 * 32 / 6.})

func withSplit(k kernel, name string, s *splitKernel, p peakFunc) kernel {
	k.name, k.split, k.peak = name, s, p
	return k
}
