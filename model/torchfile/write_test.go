package torchfile

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWrite: what is written is read back, and the same items have the same bytes.
// That torch.load takes it too is checked by .ci/bred.
func TestWrite(t *testing.T) {
	v := []float32{1, -2.5, 0, float32(math.Pi)}
	items := []Item{{Key: "steering_vector", Value: v}, {Key: "second", Value: []float32{}}, {Key: "layer_idx", Value: 24}, {Key: "alpha", Value: 0.1}}
	var a, b bytes.Buffer
	for _, w := range []*bytes.Buffer{&a, &b} {
		if err := Write(w, "steering_vector", items); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same items gave other bytes")
	}
	path := filepath.Join(t.TempDir(), "steering_vector.pt")
	if err := os.WriteFile(path, a.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, ok := f.Tensor("steering_vector")
	if !ok {
		t.Fatalf("found tensors %v", f.Names())
	}
	if got, err := x.Float32(); err != nil || !slices.Equal(got, v) {
		t.Errorf("read %v, %v", got, err)
	}
	layer, _ := f.Value("layer_idx")
	alpha, _ := f.Value("alpha")
	if layer != int64(24) || alpha != 0.1 {
		t.Errorf("read layer %v and alpha %v", layer, alpha)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, v := range map[string]any{"string": "x", "wide": 1 << 40, "nil": nil} {
		if err := Write(&bytes.Buffer{}, "x", []Item{{Key: name, Value: v}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
