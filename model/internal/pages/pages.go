// Package pages gives back memory of files that are mapped. Reading a few bytes of a
// mapping makes a whole page of it resident, of two megabytes where the kernel caches
// the file in such, so that opening a large model for its names and norms can leave
// more resident than what a capture then reads.
package pages

// Release makes no page of a mapping resident. b is what mmap gave, whole; it stays
// readable, and pages are mapped again, from the cache of files, when they are
// touched. Where the system has no such call, or refuses, nothing happens.
func Release(b []byte) {
	if len(b) > 0 {
		release(b)
	}
}
