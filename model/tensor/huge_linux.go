package tensor

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page, madvHuge the advice to use them (madvise(2)).
const (
	hugePage = 2 << 20
	madvHuge = 14
)

// adviseHuge asks for huge pages behind the part of x that has whole ones. What the
// system answers does not matter.
func adviseHuge(x []float32) {
	p := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	off := int(-p & (hugePage - 1))
	if n := (4*len(x) - off) &^ (hugePage - 1); n > 0 {
		_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))[off:off+n], madvHuge)
	}
}
