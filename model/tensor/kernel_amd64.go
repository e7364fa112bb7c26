//go:build !noasm

package tensor

import "golang.org/x/sys/cpu"

// avx2Kernel needs AVX2, FMA and F16C, which came together in 2013.
var avx2Kernel = kernel{
	name:       "avx2",
	nr:         16,
	heights:    []int{6, 4, 2, 1},
	kc:         384,
	mc:         144,
	tile:       tilesAVX2,
	row4:       row4AVX2,
	interleave: interleaveAVX2,
	stripes:    stripesAVX2,
	peak:       peakFunc{peakAVX2, 2 * 12 * 8},
	vector:     vectorAVX2,
}

// avx512Kernel needs AVX-512 F; its vector kernels are those of AVX2, which run
// at the speed of memory already.
var avx512Kernel = kernel{
	name:       "avx512",
	nr:         32,
	heights:    []int{14, 8, 4, 2, 1},
	kc:         384,
	mc:         196,
	tile:       tilesAVX512,
	row4:       row4AVX512,
	interleave: interleaveAVX2,
	stripes:    stripesAVX2,
	peak:       peakFunc{peakAVX512, 2 * 12 * 16},
	vector:     vectorAVX2,
}

// kernels lists the paths that this processor runs, fastest first.
func kernels() []*kernel {
	var ks []*kernel
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		if cpu.X86.HasAVX512F {
			ks = append(ks, &avx512Kernel)
			if hasAMX() {
				ks = append(ks, &amxKernel)
			}
		}
		ks = append(ks, &avx2Kernel)
	}
	return append(ks, &genericKernel)
}
