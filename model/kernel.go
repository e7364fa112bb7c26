package model

import "agar/model/tensor"

// Kernel names the path of the numeric kernels in use: avx512, avx2 or generic.
// Numbers are reproducible to the bit on one path, so manifests record it.
func Kernel() string { return tensor.Kernel() }
