package gguf

import (
	"fmt"
	"strings"

	"agar/model/tensor"
)

// ggmlTypes are the names of ggml's tensor types by number.
var ggmlTypes = map[uint32]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1",
	10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K",
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
	24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}

// typeName is the name of ggml type n.
func typeName(n uint32) string {
	if s, ok := ggmlTypes[n]; ok {
		return s
	}
	return fmt.Sprintf("ggml type %d", n)
}

// dtypes are the storage types that agar reads by their names in ggml, which are
// their own.
var dtypes = func() map[string]tensor.DType {
	m := map[string]tensor.DType{}
	for _, d := range tensor.DTypes() {
		m[d.String()] = d
	}
	return m
}()

// dtype is the storage type of ggml type n, if agar reads it.
func dtype(n uint32) (d tensor.DType, ok bool) {
	d, ok = dtypes[typeName(n)]
	return d, ok
}

// readable lists the types that agar reads, for errors.
func readable() string {
	var names []string
	for _, d := range tensor.DTypes() {
		names = append(names, d.String())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Numbers of the types of metadata values.
const (
	kindUint8 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// kindSize is the least number of bytes a value of the kind takes in the file.
func kindSize(kind uint32) (int, bool) {
	switch kind {
	case kindUint8, kindInt8, kindBool:
		return 1, true
	case kindUint16, kindInt16:
		return 2, true
	case kindUint32, kindInt32, kindFloat32:
		return 4, true
	case kindUint64, kindInt64, kindFloat64, kindString:
		return 8, true
	case kindArray:
		return 12, true
	}
	return 0, false
}
