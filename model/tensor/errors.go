package tensor

import (
	"errors"
	"fmt"
)

var (
	// ErrShape is wrapped by the panic of a kernel whose slices and shapes do
	// not fit together. The message names the function and both numbers.
	ErrShape = errors.New("tensor: shapes do not fit")
	// ErrKernel is wrapped by the error, or the panic at first use, for a
	// kernel path that does not exist or that this processor cannot run.
	ErrKernel = errors.New("tensor: kernel path not available")
	// ErrDType is wrapped by errors about a storage type: an unknown one, or a
	// row length that is no multiple of its block.
	ErrDType = errors.New("tensor: storage type")
)

// checkLen panics unless a slice of function fn has at least want elements.
func checkLen(fn, what string, got, want int) {
	if got < want {
		panic(fmt.Errorf("%w: %s: %s has %d elements, expected %d", ErrShape, fn, what, got, want))
	}
}

// checkSame panics unless two lengths of function fn agree.
func checkSame(fn, what string, got, want int) {
	if got != want {
		panic(fmt.Errorf("%w: %s: %s is %d, expected %d", ErrShape, fn, what, got, want))
	}
}
