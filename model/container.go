package model

import (
	"errors"
	"fmt"

	"agar/model/safetensors"
	"agar/model/torchfile"
)

// container is one mapped file of tensors.
type container interface {
	// Names lists the tensors.
	Names() []string
	// find gives a tensor as it lies in the file.
	find(name string) (t contained, ok bool)
	mapping
}

// contained is a tensor of a container. Its dtype is named as safetensors names it;
// stride is nil unless the elements do not lie in row-major order.
type contained struct {
	dtype         string
	shape, stride []int
	data          []byte
}

// safeFile is a .safetensors file.
type safeFile struct{ *safetensors.File }

func openSafetensors(path string) (container, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	return safeFile{f}, nil
}

func (f safeFile) find(name string) (contained, bool) {
	t, ok := f.Tensor(name)
	return contained{dtype: t.DType, shape: t.Shape, data: t.Data}, ok
}

// torchFile is a file of torch.save that holds a state dict.
type torchFile struct{ *torchfile.File }

func openTorch(path string) (container, error) {
	f, err := torchfile.Open(path)
	if err != nil {
		return nil, err
	}
	if keys := f.Keys(); len(keys) > 0 {
		err := fmt.Errorf("%s: found %q, which is no tensor, expected a state dict of nothing but tensors", path, keys[0])
		return nil, errors.Join(err, f.Close())
	}
	return torchFile{f}, nil
}

func (f torchFile) find(name string) (contained, bool) {
	t, ok := f.Tensor(name)
	c := contained{dtype: t.DType, shape: t.Shape, data: t.Data}
	if t.Data == nil {
		c.stride = t.Stride
	}
	return c, ok
}
