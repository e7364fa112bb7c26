//go:build !unix

package bounds

import "time"

var started = time.Now()

// cpuTime is the time since the start, where processors' time is not known.
func cpuTime() time.Duration { return time.Since(started) }
