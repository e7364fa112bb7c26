package tensor

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPathThatRan proves by their results which kernels ran: one rounding instead
// of two is the mark of fused multiply-adds, and the width of the kept panels tells
// AVX-512 from AVX2.
func TestPathThatRan(t *testing.T) {
	width := map[string]int{"generic": 8, "avx2": 16, "avx512": 32, "amx": 32}
	eachKernel(t, func(t *testing.T) {
		name := Kernel()
		fused := float32(0)
		if name != "generic" {
			fused = 0x1p-24 // (1+2⁻¹²)² − (1+2⁻¹¹)
		}
		w := WeightF32(1, 2, []float32{1, 1 + 0x1p-12})
		w.Keep(NewPanels(1 << 20))
		y, x := []float32{0}, []float32{-(1 + 0x1p-11), 1 + 0x1p-12}
		Linear(y, x, 1, w)
		if y[0] != fused {
			t.Errorf("%s: Linear gives %g, expected %g", name, y[0], fused)
		}
		if nr := w.packed.Load().nr; nr != width[name] {
			t.Errorf("%s: panels of %d columns, expected %d", name, nr, width[name])
		}
		v := x[:1]
		Axpy(v, 1+0x1p-12, []float32{1 + 0x1p-12})
		if v[0] != fused {
			t.Errorf("%s: Axpy gives %g, expected %g", name, v[0], fused)
		}
	})
}

func TestKernelNames(t *testing.T) {
	names := Kernels()
	if names[len(names)-1] != "generic" {
		t.Errorf("paths are %v, expected the portable one last", names)
	}
	if os.Getenv(kernelEnv) == "" && Kernel() != names[0] {
		t.Errorf("%s runs, expected the fastest of %v", Kernel(), names)
	}
	if _, err := WithKernel("sse9"); !errors.Is(err, ErrKernel) || !strings.Contains(err.Error(), `"sse9"`) {
		t.Errorf("WithKernel(sse9): %v, expected an error that wraps ErrKernel and says sse9", err)
	}
}

// TestKernelFromEnvironment starts this test program anew for each setting.
func TestKernelFromEnvironment(t *testing.T) {
	if os.Getenv("TENSOR_TEST_CHILD") == "1" {
		defer func() {
			if err, ok := recover().(error); ok && errors.Is(err, ErrKernel) {
				t.Log("refused:", err)
			}
		}()
		t.Log("path: " + Kernel())
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, name := range append(Kernels(), "sse9") {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKernelFromEnvironment$", "-test.v")
		cmd.Env = append(os.Environ(), "TENSOR_TEST_CHILD=1", kernelEnv+"="+name)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		want := "path: " + name
		if !slices.Contains(Kernels(), name) {
			want = "refused: AGAR_KERNEL=" + name
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: expected %q in\n%s", name, want, out)
		}
	}
}
