package activations

import "unsafe"

// The bytes of numbers in memory are taken as they stand: every machine agar
// builds for is little-endian, as Arrow files are.

// floatBytes is the memory of x.
func floatBytes(x []float32) []byte { return bytesOf(x, 4) }

// intBytes is the memory of x.
func intBytes(x []int32) []byte { return bytesOf(x, 4) }

func bytesOf[T any](x []T, size int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*size)
}

// int32s sees little-endian bytes as numbers, without copying where their
// address allows it.
func int32s(b []byte) []int32 {
	n := len(b) / 4
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%4 == 0 {
		return unsafe.Slice((*int32)(p), n)
	}
	out := make([]int32, n)
	copy(intBytes(out), b)
	return out
}
