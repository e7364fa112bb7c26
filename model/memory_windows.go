package model

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	length, load                                               uint32
	totalPhys, availPhys, totalPage, availPage, totalV, availV uint64
	availExtended                                              uint64
}

// systemMemory asks GlobalMemoryStatusEx.
func systemMemory() (total, available int64) {
	var s memoryStatus
	s.length = uint32(unsafe.Sizeof(s))
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if ok, _, _ := call.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 0, 0
	}
	return int64(s.totalPhys), int64(s.availPhys)
}
