//go:build !noasm

package tensor

// kernels lists the paths that this processor runs, fastest first.
func kernels() []*kernel { return []*kernel{&genericKernel} }
