package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// peakMemory reads the peak resident memory of a process, 0 when it is gone.
func peakMemory(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// runMeasured runs this program with the arguments of a command and gives its peak
// memory and what it printed.
func runMeasured(t *testing.T, args ...string) (peak int64, output string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0] = "agar" // as which TestMain runs the program
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("agar %v: %v\n%s", args, err, out.String())
			}
			return peak, out.String()
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, peakMemory(cmd.Process.Pid))
		}
	}
}

// planLine is where a capture states its memory plan, in GB.
var planLine = regexp.MustCompile(`plan: .* memory ([0-9.]+) GB \(weights ([0-9.]+),`)

// planned reads the plan that a capture stated.
func planned(t *testing.T, out string) (total, weights int64) {
	t.Helper()
	m := planLine.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no memory plan in\n%s", out)
	}
	gb := func(s string) int64 { x, _ := strconv.ParseFloat(s, 64); return int64(x * 1e9) }
	return gb(m[1]), gb(m[2])
}

// TestCaptureStaysWithinItsMemoryPlan captures with each real model, with few and
// with many activations, and holds the peak of resident memory to the plan that was
// stated before the first forward. The plan must not be idle either.
func TestCaptureStaysWithinItsMemoryPlan(t *testing.T) {
	models := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(models) == 0 {
		t.Skip("AGAR_MODELS is not set")
	}
	data := filepath.Join(t.TempDir(), "data.txt")
	if err := os.WriteFile(data, []byte(strings.Repeat("The mill stood still, and nobody in the village could remember when it had last turned.\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, model := range models {
		for _, hooks := range []string{"blocks.15.hook_resid_post", "blocks.3.mlp.hook_post,blocks.20.mlp.hook_pre,blocks.29.hook_resid_post"} {
			dir := filepath.Join(t.TempDir(), "store")
			peak, out := runMeasured(t, "capture", model, "--data", data, "--hooks", hooks, "--out", dir, "--ctx", "128")
			total, weights := planned(t, out)
			t.Logf("%s, %s: peak %.0f MB, plan %.0f MB of which weights %.0f MB", filepath.Base(model), hooks, float64(peak)/1e6, float64(total)/1e6, float64(weights)/1e6)
			if peak == 0 || peak > total || total > 2*peak {
				t.Errorf("%s, %s: peak %.1f MB, expected at most the plan of %.1f MB and no less than half of it", model, hooks, float64(peak)/1e6, float64(total)/1e6)
			}
		}
	}
}
