package activations

// Filter says which rows of a store a Source hands out. The zero value keeps all
// roles and leaves out special tokens and norm outliers, on which a dictionary
// would otherwise spend its capacity: the sinks of SmolLM2 have 100 times the
// norm of an ordinary token.
type Filter struct {
	Roles       []uint8 `json:"roles,omitempty"`        // roles to keep; nil means all
	KeepSpecial bool    `json:"keep_special,omitempty"` // keep the tokenizer's special tokens
	MaxNorm     float64 `json:"max_norm,omitempty"`     // largest L2 norm kept, in medians of the hook's norms; 0 means 10, negative means no limit
}

// DefaultMaxNorm is the norm, in medians, beyond which a row counts as outlier.
const DefaultMaxNorm = 10

// maxNorm is the limit in medians, 0 when there is none.
func (f Filter) maxNorm() float64 {
	switch {
	case f.MaxNorm == 0:
		return DefaultMaxNorm
	case f.MaxNorm < 0:
		return 0
	}
	return f.MaxNorm
}

// LeftOut counts the rows that a Filter leaves out, each once, by the first
// reason that applies in the order special, role, norm.
type LeftOut struct {
	Special    int64   `json:"special"`
	Role       int64   `json:"role"`
	Norm       int64   `json:"norm"`
	Total      int64   `json:"total"`       // rows in the store, left out or not
	MedianNorm float64 `json:"median_norm"` // of the hook, over all rows; 0 when norms were not asked for
}

// Share is the part of all rows that was left out, 0 to 1.
func (l LeftOut) Share() float64 {
	if l.Total == 0 {
		return 0
	}
	return float64(l.Special+l.Role+l.Norm) / float64(l.Total)
}

// Kept is the number of rows that stay.
func (l LeftOut) Kept() int64 { return l.Total - l.Special - l.Role - l.Norm }
