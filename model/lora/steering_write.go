package lora

import (
	"fmt"
	"io"

	"agar/model/torchfile"
)

// NewSteering makes the module of a steering vector of width d on block layer, all
// zeros: α·v is added to the output of the block's down-projection at every token,
// which is to add it to what leaves the block unless a norm follows the MLP (Gemma 2
// and 3).
func NewSteering(layer, d int, alpha float64) Module {
	return Module{Name: steeringName(layer), Layer: layer, Proj: "down_proj", Kind: Steering, R: 1, In: 1, Out: d,
		A: []float32{1}, B: make([]float32, d), Scale: alpha}
}

func steeringName(layer int) string { return fmt.Sprintf("model.layers.%d.mlp.down_proj", layer) }

// WriteSteering writes a steering vector as [SteeringFile], with the keys that the
// published training code writes. Modules of another kind are an error.
func WriteSteering(w io.Writer, m *Module) error {
	if m.Kind != Steering {
		return fmt.Errorf("lora: module %s: found kind %s, expected steering", m.Name, m.Kind)
	}
	return torchfile.Write(w, "steering_vector", []torchfile.Item{
		{Key: "steering_vector", Value: m.B}, {Key: "layer_idx", Value: m.Layer}, {Key: "d_model", Value: m.Out}, {Key: "alpha", Value: m.Scale},
	})
}
