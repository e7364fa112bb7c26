package train

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"agar/model"
)

// benchSteps times optimiser steps of a rank-1 adapter on one down_proj of the first
// model of AGAR_MODELS, 16 sequences of 128 tokens each, all learnt; what enters the
// trained block is kept when kept is set.
func benchSteps(b *testing.B, layer int, kept bool) {
	path := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(path) == 0 {
		b.Skip("AGAR_MODELS is not set")
	}
	m, err := model.Open(path[0], model.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	data := make([]Example, 16)
	x := uint32(1)
	for i := range data {
		var ids []int32
		for range 128 {
			x = x*1664525 + 1013904223
			ids = append(ids, int32(x>>8)%int32(m.Spec.Vocab))
		}
		data[i] = Text(ids)
	}
	c := Config{Rank: 1, Alpha: 64, Modules: []string{"down_proj"}, Layers: []int{layer}, LR: 1e-4, Batch: 16, Steps: b.N + 1}
	o := Options{KeepPrefix: -1, AtStep: func(_ context.Context, r Row, _ *model.Adapter) error {
		if r.Step == 1 {
			b.ResetTimer()
		}
		return nil
	}}
	if kept {
		o.KeepPrefix = 0
	}
	if _, err := Run(context.Background(), m, data, c, o); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkStep is a first epoch, and one after it, by the trained layer.
func BenchmarkStep(b *testing.B) {
	for _, layer := range []int{20, 0} {
		b.Run("layer"+strconv.Itoa(layer), func(b *testing.B) { benchSteps(b, layer, false) })
		if layer > 0 {
			b.Run("layer"+strconv.Itoa(layer)+"kept", func(b *testing.B) { benchSteps(b, layer, true) })
		}
	}
}
