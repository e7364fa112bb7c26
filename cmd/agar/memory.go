package main

import (
	"os"
	"runtime/debug"
)

// holdMemory tells the garbage collector to stay within a plan of so many bytes: it
// would otherwise let garbage grow as large as everything that is in use. A limit
// that the user has set in GOMEMLIMIT stays.
func holdMemory(bytes int64) (restore func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	old := debug.SetMemoryLimit(bytes)
	return func() { debug.SetMemoryLimit(old) }
}
