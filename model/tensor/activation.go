package tensor

import "math"

// GELUTanh is the Gaussian error linear unit in its tanh form (Hendrycks and
// Gimpel 2016), in place:
//
//	xᵢ = ½xᵢ(1 + tanh u) = xᵢ/(1 + exp(−2u)),   u = √(2/π)·(xᵢ + 0.044715·xᵢ³)
func GELUTanh(x []float32) { active().geluTanhMul(x, nil) }

// GELUTanhMul is gateᵢ = gelu(gateᵢ)·upᵢ with the tanh form of GELU. It panics when
// the lengths differ.
func GELUTanhMul(gate, up []float32) {
	checkSame("GELUTanhMul", "len(up)", len(up), len(gate))
	active().geluTanhMul(gate, up)
}

// geluPiece is how many elements geluTanhMul works on at a time.
const geluPiece = 256

// geluTanhMul takes the exponential from the kernel of SiLUMul. With v = 2u,
// x/(1+exp(−v))·y is silu(v)·(x/v)·y, and x/v = 1/(2√(2/π)(1 + 0.044715x²)) has no
// pole. Beyond 100, where the result is x or 0, v is x, so that nothing overflows.
// up nil is all ones.
func (k *kernel) geluTanhMul(gate, up []float32) {
	const c = 2 * 0.7978845608028654
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	v := s.edge.take(2 * geluPiece)
	y := v[geluPiece:]
	for lo := 0; lo < len(gate); lo += geluPiece {
		n := min(geluPiece, len(gate)-lo)
		for i, x := range gate[lo : lo+n] {
			f := 1.0
			if x < 100 && x > -100 {
				f = c * (1 + 0.044715*float64(x)*float64(x))
			}
			v[i], y[i] = float32(float64(x)*f), float32(1/f)
		}
		if up != nil {
			Mul(y[:n], up[lo:lo+n])
		}
		k.siluMul(gate[lo:lo+n], v[:n], y[:n])
	}
}

// GELU is the Gaussian error linear unit with the exact error function, in place:
// xᵢ = ½xᵢ(1 + erf(xᵢ/√2)).
func GELU(x []float32) {
	for i, v := range x {
		x[i] = gelu(v)
	}
}

// GELUMul is gateᵢ = gelu(gateᵢ)·upᵢ. It panics when the lengths differ.
func GELUMul(gate, up []float32) {
	checkSame("GELUMul", "len(up)", len(up), len(gate))
	for i, v := range gate {
		gate[i] = gelu(v) * up[i]
	}
}

func gelu(x float32) float32 {
	return float32(0.5 * float64(x) * math.Erfc(-float64(x)/math.Sqrt2))
}

// ones is geluPiece times 1.
var ones = func() (x [geluPiece]float32) {
	for i := range x {
		x[i] = 1
	}
	return x
}()

// SiLU is xᵢ = xᵢ/(1 + exp(−xᵢ)), in place.
func SiLU(x []float32) {
	k := active()
	for lo := 0; lo < len(x); lo += geluPiece {
		n := min(geluPiece, len(x)-lo)
		k.siluMul(x[lo:lo+n], x[lo:lo+n], ones[:n])
	}
}

// SiLUBack goes back through yᵢ = silu(preᵢ)·linᵢ, silu(x) = x·σ(x): d holds the
// gradient of y, and becomes that of pre; dlin becomes that of lin:
//
//	dlin = d·silu(pre),   d = d·lin·(σ + silu·(1 − σ)),   σ = 1/(1 + exp(−pre))
//
// lin nil is all ones and leaves dlin alone. σ is silu(x)/x, and ½ + x/4 near 0. It
// panics when the lengths differ.
func SiLUBack(d, dlin, pre, lin []float32) {
	checkSame("SiLUBack", "len(pre)", len(pre), len(d))
	if lin != nil {
		checkSame("SiLUBack", "len(lin)", len(lin), len(d))
		checkSame("SiLUBack", "len(dlin)", len(dlin), len(d))
	}
	k := active()
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	y := s.edge.take(geluPiece)
	for lo := 0; lo < len(d); lo += geluPiece {
		n := min(geluPiece, len(d)-lo)
		x, dy, y := pre[lo:lo+n], d[lo:lo+n], y[:n]
		k.siluMul(y, x, ones[:n])
		if lin != nil {
			mulTo(dlin[lo:lo+n], dy, y)
			Mul(dy, lin[lo:lo+n])
		}
		for i, v := range x {
			σ := y[i] / v
			if v < 1e-4 && v > -1e-4 {
				σ = 0.5 + v/4
			}
			dy[i] *= σ + y[i]*(1-σ)
		}
	}
}

// mulTo is dst = a ⊙ b.
func mulTo(dst, a, b []float32) {
	copy(dst, a)
	Mul(dst, b)
}

// ReLU is xᵢ = max(xᵢ, 0), in place.
func ReLU(x []float32) {
	for i, v := range x {
		x[i] = max(v, 0)
	}
}

// Softcap is xᵢ = c·tanh(xᵢ/c), in place (Gemma 2, section 2).
func Softcap(x []float32, c float32) {
	for i, v := range x {
		x[i] = c * float32(math.Tanh(float64(v/c)))
	}
}
