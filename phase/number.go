package phase

import (
	"encoding/json"
	"math"
)

// Number is a figure that may be missing: NaN in Go, null in JSON.
type Number float64

// Missing is the Number that stands for no value.
func Missing() Number { return Number(math.NaN()) }

// OK tells whether there is a value.
func (n Number) OK() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for a missing value.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.OK() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads null as missing.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Missing()
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// number is a pointer's value, missing for nil.
func number(p *float64) Number {
	if p == nil {
		return Missing()
	}
	return Number(*p)
}

// Estimate is a value with its standard error; both are missing together.
type Estimate struct {
	Value Number `json:"value"`
	SE    Number `json:"se"`
}
