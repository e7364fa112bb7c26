package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkHelp is what a person waits for `agar --help` without the start of
// the process; BenchmarkHelpProcess, with it, is to stay below 50 ms.
func BenchmarkHelp(b *testing.B) {
	for b.Loop() {
		if code := run(context.Background(), []string{"--help"}, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
			b.Fatalf("exit code %d", code)
		}
	}
}

// BenchmarkHelpProcess starts the program itself.
func BenchmarkHelpProcess(b *testing.B) {
	program := filepath.Join(b.TempDir(), "agar")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		if err := exec.Command(program, "--help").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
