package lora

import "errors"

var (
	// ErrShape is the panic of Inner on modules of different shape.
	ErrShape = errors.New("lora: modules differ in shape")
	// ErrNoCheckpoints is wrapped by OpenSeries on a directory without any checkpoint.
	ErrNoCheckpoints = errors.New("no checkpoints")
	// ErrStep is wrapped by Series.At for a step that was not saved.
	ErrStep = errors.New("no such checkpoint")
)
