//go:build !noasm

package tensor

import (
	"sync"
	"syscall"

	"golang.org/x/sys/cpu"
)

// The request by which a process may use the tiles' data, for all of its threads
// (Linux 5.16, Documentation/arch/x86/xstate.rst).
const (
	archReqXCompPerm = 0x1023
	xfeatureTileData = 18
)

// hasAMX says whether the processor multiplies tiles of bfloat16 and the system lets this
// process do it, which it is asked for once.
var hasAMX = sync.OnceValue(func() bool {
	x := &cpu.X86
	if !x.HasAMXTile || !x.HasAMXBF16 || !x.HasAVX512F || !x.HasAVX512BW {
		return false
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXCompPerm, xfeatureTileData, 0)
	return e == 0
})
