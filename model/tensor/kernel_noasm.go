//go:build noasm || !amd64

package tensor

// kernels lists the paths of this build: only the portable one.
func kernels() []*kernel { return []*kernel{&genericKernel} }
