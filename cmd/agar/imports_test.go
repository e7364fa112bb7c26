package main

import (
	"os/exec"
	"strings"
	"testing"
)

// layers is the one direction in which imports point; a package may import its
// own layer and those to the right of it.
var layers = []string{"cmd", "tui", "phase", "sae", "activations", "model", "model/tensor"}

// layerOf gives the layer of an import path of this module, -1 for others.
func layerOf(path string) int {
	rel, ok := strings.CutPrefix(path, "agar/")
	if !ok {
		return -1
	}
	if rel == "model/tensor" || strings.HasPrefix(rel, "model/tensor/") {
		return len(layers) - 1
	}
	top, _, _ := strings.Cut(rel, "/")
	for i, l := range layers {
		if l == top {
			return i
		}
	}
	return -1
}

// upward lists the imports "from → to" that point up among lines of
// "package dep dep …".
func upward(lines []string) []string {
	var bad []string
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		from := layerOf(f[0])
		for _, dep := range f[1:] {
			if to := layerOf(dep); to >= 0 && to < from {
				bad = append(bad, f[0]+" → "+dep)
			}
		}
	}
	return bad
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "agar/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) < 10 {
		t.Fatalf("go list -deps gave %d packages, expected the whole module", len(lines))
	}
	for _, b := range upward(lines) {
		t.Errorf("import points up: %s", b)
	}
}

// TestUpwardIsFound proves that the check above can fail.
func TestUpwardIsFound(t *testing.T) {
	for _, c := range []struct {
		line string
		bad  int
	}{
		{"agar/sae agar/activations agar/model fmt", 0},
		{"agar/model agar/sae", 1},
		{"agar/model/tensor agar/model/gguf", 1},
		{"agar/activations/blob agar/phase agar/tui", 2},
		{"agar/tui/theme agar/cmd/agar", 1},
	} {
		if got := upward([]string{c.line}); len(got) != c.bad {
			t.Errorf("upward(%q) = %v, want %d", c.line, got, c.bad)
		}
	}
}

// TestTensorStaysBelow keeps the numeric kernels away from the terminal and the
// command line.
func TestTensorStaysBelow(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "agar/tui/...", "agar/cmd/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(string(out), "\n") {
		f := strings.Fields(line)
		for _, dep := range f {
			if dep == "agar/model/tensor" {
				t.Errorf("%s imports the numeric kernels", f[0])
			}
		}
	}
}
