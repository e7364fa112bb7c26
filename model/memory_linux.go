package model

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
)

// systemMemory reads /proc/meminfo and the limit of the control group.
func systemMemory() (total, available int64) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	sc := bufio.NewScanner(bytes.NewReader(data))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 2 {
			continue
		}
		kib, err := strconv.ParseInt(f[1], 10, 64)
		switch {
		case err != nil:
		case f[0] == "MemTotal:":
			total = kib << 10
		case f[0] == "MemAvailable:":
			available = kib << 10
		}
	}
	return limited(total, available)
}

// limited lowers the figures to those of a cgroup v2 limit. Page cache counts
// as used there but is given back, so only the anonymous part is subtracted.
func limited(total, available int64) (int64, int64) {
	limit, err := readInt("/sys/fs/cgroup/memory.max")
	if err != nil || limit <= 0 || limit >= total {
		return total, available
	}
	return limit, max(min(available, limit-anonymous()), 0)
}

func readInt(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

func anonymous() int64 {
	data, err := os.ReadFile("/sys/fs/cgroup/memory.stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "anon "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}
