package tensor

// genericKernel is the portable path, and the reference of all others.
var genericKernel = kernel{
	name:       "generic",
	nr:         8,
	heights:    []int{4, 1},
	kc:         384,
	mc:         64,
	tile:       [maxHeight + 1]tileFunc{4: tileGeneric(4), 1: tileGeneric(1)},
	interleave: interleaveGeneric,
	stripes:    stripesGeneric,
	vector:     genericVector,
}

// genericVector is the portable set of vector kernels.
var genericVector = vector{
	dot:      dotGeneric,
	axpy:     axpyGeneric,
	add:      addGeneric,
	scale:    scaleGeneric,
	sumSq:    sumSqGeneric,
	scaleMul: scaleMulGeneric,
	maximum:  maximumGeneric,
	expSum:   expSumGeneric,
	siluMul:  siluMulGeneric,
	adam:     adamGeneric,
	f32to16:  f32to16Generic,
	decoders: genericDecoders,
}
