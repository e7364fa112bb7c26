package features

// Index is an open feature index.
type Index struct {
	density, max, mean []float32
}

// Len is the number of features.
func (x *Index) Len() int { return len(x.density) }

// Density returns the share of tokens on which each feature fires.
func (x *Index) Density() []float32 { return x.density }

// Max returns each feature's largest activation.
func (x *Index) Max() []float32 { return x.max }

// Mean returns each feature's mean activation over the tokens on which it fires.
func (x *Index) Mean() []float32 { return x.mean }
