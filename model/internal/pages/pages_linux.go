package pages

import "syscall"

func release(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }
