package torchfile

import (
	"errors"
	"fmt"
	"math"

	"github.com/nlpodyssey/gopickle/types"
)

// ErrClass is wrapped when a file names a Python class or function that is not in
// the short list of those that stand for data.
var ErrClass = errors.New("class or function that is not data")

// globals are the names that a pickle may use, and what they stand for.
var globals = map[string]any{
	"collections.OrderedDict":         &types.OrderedDictClass{},
	"torch._utils._rebuild_tensor_v2": function(rebuildTensor),
	"torch._utils._rebuild_parameter": function(first),
	"torch.Size":                      function(first),
	"torch.device":                    function(first),
	"torch.FloatStorage":              storageType{"F32", 4},
	"torch.HalfStorage":               storageType{"F16", 2},
	"torch.BFloat16Storage":           storageType{"BF16", 2},
	"torch.DoubleStorage":             storageType{"F64", 8},
	"torch.LongStorage":               storageType{"I64", 8},
	"torch.IntStorage":                storageType{"I32", 4},
	"torch.ShortStorage":              storageType{"I16", 2},
	"torch.CharStorage":               storageType{"I8", 1},
	"torch.ByteStorage":               storageType{"U8", 1},
	"torch.BoolStorage":               storageType{"BOOL", 1},
	"torch.float32":                   "torch.float32",
	"torch.float16":                   "torch.float16",
	"torch.bfloat16":                  "torch.bfloat16",
	"torch.float64":                   "torch.float64",
	"torch.int64":                     "torch.int64",
}

// storageType is a class of storages, named as safetensors names the type.
type storageType struct {
	name string
	size int
}

// storage is one storage of a file; Data is nil until it is known where it lies.
type storage struct {
	storageType
	key   string
	elems int
	data  []byte
}

// function is what a name stands for that may be called.
type function func(args []any) (any, error)

// Call makes function a types.Callable.
func (f function) Call(args ...any) (any, error) { return f(args) }

// first is a function that returns its first argument.
func first(args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("found a call without arguments, expected at least one")
	}
	return args[0], nil
}

// view is a tensor as the pickle describes it.
type view struct {
	storage       *storage
	offset        int
	shape, stride []int
}

// rebuildTensor is torch's function of that name: storage, offset, size, stride,
// and three arguments that do not matter here.
func rebuildTensor(args []any) (any, error) {
	if len(args) < 6 || len(args) > 7 {
		return nil, fmt.Errorf("tensor: found %d arguments, expected 6 or 7", len(args))
	}
	s, ok := args[0].(*storage)
	offset, isInt := args[1].(int)
	if !ok || !isInt {
		return nil, fmt.Errorf("tensor: found %T and %T, expected a storage and an offset", args[0], args[1])
	}
	shape, err := ints(args[2])
	if err != nil {
		return nil, fmt.Errorf("tensor: size: %w", err)
	}
	stride, err := ints(args[3])
	if err != nil {
		return nil, fmt.Errorf("tensor: stride: %w", err)
	}
	v := &view{s, offset, shape, stride}
	return v, v.check()
}

// maxDims bounds the dimensions of a tensor.
const maxDims = 8

// ints reads a tuple of integers that are not negative.
func ints(x any) ([]int, error) {
	t, ok := x.(*types.Tuple)
	if !ok || t.Len() > maxDims {
		return nil, fmt.Errorf("found %T, expected a tuple of at most %d integers", x, maxDims)
	}
	out := make([]int, t.Len())
	for i := range out {
		if out[i], ok = t.Get(i).(int); !ok || out[i] < 0 {
			return nil, fmt.Errorf("found %T at %d, expected integers from 0 on", t.Get(i), i)
		}
	}
	return out, nil
}

// check holds a view to its storage: every element lies inside, and there are no
// more of them than the storage has.
func (v *view) check() error {
	if len(v.shape) != len(v.stride) {
		return fmt.Errorf("tensor: found size %v and stride %v, expected as many of both", v.shape, v.stride)
	}
	elems, last := 1, v.offset
	for i, n := range v.shape {
		if n > 0 && elems > math.MaxInt/n || n > 1 && v.stride[i] > (math.MaxInt-last)/(n-1) {
			return fmt.Errorf("tensor: found size %v and stride %v, which overflow", v.shape, v.stride)
		}
		elems *= n
		last += max(n-1, 0) * v.stride[i]
	}
	if elems > 0 && (last < 0 || last >= v.storage.elems || v.offset < 0) || elems > v.storage.elems {
		return fmt.Errorf("tensor: found size %v, stride %v from element %d on, expected them within the %d elements of storage %q",
			v.shape, v.stride, v.offset, v.storage.elems, v.storage.key)
	}
	return nil
}

// contiguous says whether the elements lie in row-major order without gaps.
func (v *view) contiguous() bool {
	want := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.stride[i] != want {
			return false
		}
		want *= v.shape[i]
	}
	return true
}
