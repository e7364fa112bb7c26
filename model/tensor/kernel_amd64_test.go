//go:build !noasm

package tensor

import (
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestFastPathsAreThere: dispatch finds what the processor has.
func TestFastPathsAreThere(t *testing.T) {
	want := []string{"generic"}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		want = []string{"avx2", "generic"}
		if cpu.X86.HasAVX512F {
			want = []string{"avx512", "avx2", "generic"}
			if hasAMX() {
				want = []string{"avx512", "amx", "avx2", "generic"}
			}
		}
	}
	if got := Kernels(); !slices.Equal(got, want) {
		t.Errorf("paths are %v, expected %v", got, want)
	}
}
