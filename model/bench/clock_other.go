//go:build !unix

package bench

import "time"

// clock is the time since the start of the program.
func clock() time.Duration { return time.Since(start) }

var start = time.Now()
