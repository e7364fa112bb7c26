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

// usage is resident memory of a process, in bytes: all of it, what is its own, and
// pages of files that it maps.
type usage struct{ all, own, files int64 }

// raise raises u to what a process uses now, and has used as a whole.
func (u *usage) raise(pid int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(b)) {
		key, v, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
		switch key {
		case "VmHWM":
			u.all = max(u.all, n<<10)
		case "RssAnon":
			u.own = max(u.own, n<<10)
		case "RssFile":
			u.files = max(u.files, n<<10)
		}
	}
}

// runMeasured runs this program with the arguments of a command and gives the peaks
// of its memory and what it printed.
func runMeasured(t *testing.T, args ...string) (peak usage, output string) {
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
		case <-time.After(10 * time.Millisecond):
			peak.raise(cmd.Process.Pid)
		}
	}
}

// planLine is where a capture states its memory plan.
var planLine = regexp.MustCompile(`plan: .* memory ([0-9.]+) ([MG])B \(weights ([0-9.]+), packed ([0-9.]+), the rest ([0-9.]+)\)`)

// planned is the plan that a capture stated, in bytes, rounded up.
type planned struct{ total, weights, packed, rest int64 }

func readPlan(t *testing.T, out string) planned {
	t.Helper()
	m := planLine.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no memory plan in\n%s", out)
	}
	unit := map[string]float64{"M": 1e6, "G": 1e9}[m[2]]
	n := func(i int) int64 { x, _ := strconv.ParseFloat(m[i], 64); return int64(x * unit) }
	return planned{n(1), n(3), n(4), n(5)}
}

// memoryCase is one capture that is measured.
type memoryCase struct {
	name, model, hooks, adapter string
	ctx, tokens                 int
}

func (c *memoryCase) args(data, out string) []string {
	args := []string{"capture", c.model, "--data", data, "--hooks", c.hooks, "--out", out, "--ctx", strconv.Itoa(c.ctx)}
	if c.tokens > 0 {
		args = append(args, "--tokens", strconv.Itoa(c.tokens))
	}
	if c.adapter != "" {
		args = append(args, "--adapter", c.adapter, "--difference")
	}
	return args
}

// holdToPlan captures and holds the peak of resident memory to the plan that was
// stated before the first forward, and pages of files to the weights that are read
// and the program. A plan of a model of over 100 MB must not be idle either,
// where there are tokens enough to fill the buffers.
func holdToPlan(t *testing.T, cases []memoryCase) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data.txt")
	text := strings.Repeat("The mill stood still, and nobody in the village could remember when it had last turned.\n", 100)
	if err := os.WriteFile(data, []byte(text+strings.ReplaceAll(text, "\n", " ")), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Stat(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-44s %5s %-8s %8s %8s %8s | %8s %8s %8s %8s  MB", "resident peak during capture, and its plan", "ctx", "adapter", "all", "own", "files", "plan", "weights", "packed", "rest")
	for _, c := range cases {
		peak, out := runMeasured(t, c.args(data, filepath.Join(t.TempDir(), "store"))...)
		p, mb := readPlan(t, out), func(n int64) float64 { return float64(n) / 1e6 }
		adapter := "no"
		if c.adapter != "" {
			adapter = filepath.Base(c.adapter)
		}
		t.Logf("%-44s %5d %-8.8s %8.0f %8.0f %8.0f | %8.0f %8.0f %8.0f %8.0f", c.name, c.ctx, adapter,
			mb(peak.all), mb(peak.own), mb(peak.files), mb(p.total), mb(p.weights), mb(p.packed), mb(p.rest))
		switch files := p.weights + program.Size() + 16<<20; { // libraries, page tables' neighbours
		case peak.all == 0 || peak.all > p.total:
			t.Errorf("%s, ctx %d, adapter %s: peak %.1f MB, expected at most the plan of %.1f MB", c.name, c.ctx, adapter, mb(peak.all), mb(p.total))
		case peak.files > files:
			t.Errorf("%s, ctx %d, adapter %s: %.1f MB of files, expected at most %.1f MB", c.name, c.ctx, adapter, mb(peak.files), mb(files))
		case c.tokens >= 2000 && p.weights > 100e6 && p.total > 2*peak.all:
			t.Errorf("%s, ctx %d, adapter %s: peak %.1f MB is less than half of the plan of %.1f MB", c.name, c.ctx, adapter, mb(peak.all), mb(p.total))
		}
	}
}
