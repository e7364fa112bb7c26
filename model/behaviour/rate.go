package behaviour

import (
	"encoding/json"
	"fmt"
	"math"
)

// Rate is an estimate with its 95 % interval: a share from 0 to 1, or a mean. A
// part that is missing is NaN, null in JSON; N is what the value was taken over.
type Rate struct {
	Value  float64
	Lo, Hi float64 // of the 95 % interval
	N      int     // observations behind the value, its denominator
}

// Missing is the Rate of nothing.
func Missing() Rate { return Rate{Value: math.NaN(), Lo: math.NaN(), Hi: math.NaN()} }

// OK tells whether there is a value.
func (r Rate) OK() bool { return !math.IsNaN(r.Value) }

// String is the value with its interval and denominator.
func (r Rate) String() string {
	if !r.OK() {
		return "–"
	}
	return fmt.Sprintf("%.4g [%.4g, %.4g] of %d", r.Value, r.Lo, r.Hi, r.N)
}

// rateJSON is a Rate on disk.
type rateJSON struct {
	Value *float64 `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
	N     int      `json:"n"`
}

// MarshalJSON writes {"value", "lo", "hi", "n"}, null for what is missing or not
// finite.
func (r Rate) MarshalJSON() ([]byte, error) {
	return json.Marshal(rateJSON{finite(r.Value), finite(r.Lo), finite(r.Hi), r.N})
}

// UnmarshalJSON reads null, and a null part, as missing.
func (r *Rate) UnmarshalJSON(b []byte) error {
	var x rateJSON
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	*r = Rate{number(x.Value), number(x.Lo), number(x.Hi), x.N}
	return nil
}

// finite points to x, nil where x is no number.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// number is what p points to, NaN for nil.
func number(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}
