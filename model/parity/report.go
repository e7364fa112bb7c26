package parity

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tolerance is the default relative error that is let pass for a dump computed
// in dtype: 2e-5 in float32 (package comment). bfloat16 and float16 round every
// value to 8 and 11 bits, and a model adds hundreds of roundings up: such a dump
// shows gross mistakes only.
func Tolerance(dtype string) float64 {
	switch dtype {
	case "float32":
		return 2e-5
	case "float16":
		return 1e-2
	}
	return 1e-1
}

// tossUp is the margin of a greedy token below which another token is no
// mistake: logits up to 50 carry errors of 2e-5 of that.
const tossUp = 1e-3

// Ratio is a relative error; in JSON it is null when it is not a finite number.
type Ratio float64

// MarshalJSON writes the number or null.
func (r Ratio) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(r), 0) || r != r {
		return []byte("null"), nil
	}
	return json.Marshal(float64(r))
}

// Report is the outcome of a comparison.
type Report struct {
	Tolerance  float64     `json:"tolerance"`
	Cases      int         `json:"cases"`
	Deviations []Deviation `json:"deviations"` // of every hook of every case
	Missing    []string    `json:"missing"`    // "case: hook" that the dump has and the model has not
	Tokens     []Token     `json:"tokens"`     // greedy continuations that differ, where they first do
	IDs        []string    `json:"ids"`        // cases whose text the model's tokenizer turns into other ids
}

// Token is the first token of a greedy continuation that differs.
type Token struct {
	Case   string  `json:"case"`
	At     int     `json:"at"` // tokens that agree
	Got    int32   `json:"got"`
	Want   int32   `json:"want"`
	Margin float64 `json:"margin"` // the reference's between its first and second choice
}

// TossUp tells whether the reference hardly preferred its token.
func (t *Token) TossUp() bool { return t.Margin < tossUp }

// Greedy records how a continuation compares with a case's.
func (r *Report) Greedy(c *Case, got []int32) {
	for i, want := range c.Greedy {
		if i < len(got) && got[i] == want {
			continue
		}
		t := Token{Case: c.Name, At: i, Got: -1, Want: want, Margin: math.MaxFloat32}
		if i < len(got) {
			t.Got = got[i]
		}
		if i < len(c.Margins) {
			t.Margin = c.Margins[i]
		}
		r.Tokens = append(r.Tokens, t)
		return
	}
}

// Worst is the largest deviation; the zero value when there is none.
func (r *Report) Worst() (w Deviation) {
	for _, d := range r.Deviations {
		if d.Error > w.Error || w.Hook == "" {
			w = d
		}
	}
	return w
}

// OK tells whether everything is within tolerance.
func (r *Report) OK() bool {
	return len(r.Deviations) > 0 && float64(r.Worst().Error) <= r.Tolerance && len(r.Missing) == 0 && len(r.IDs) == 0 &&
		!slices.ContainsFunc(r.Tokens, func(t Token) bool { return !t.TossUp() })
}

// ByHook is the worst deviation of each kind of hook, layers and cases taken
// together, in the order of a forward.
func (r *Report) ByHook() []Deviation {
	at := map[string]int{}
	var out []Deviation
	for _, d := range r.Deviations {
		k := Kind(d.Hook)
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, d)
		} else if d.Error > out[i].Error {
			out[i] = d
		}
	}
	return out
}

// Kind is the name of a hook without its block.
func Kind(hook string) string {
	if rest, ok := strings.CutPrefix(hook, "blocks."); ok {
		if _, kind, ok := strings.Cut(rest, "."); ok {
			return kind
		}
	}
	return hook
}

// Problem says in one sentence what is wrong, "" when nothing is.
func (r *Report) Problem() string {
	w := r.Worst()
	switch {
	case r.OK():
		return ""
	case len(r.Deviations) == 0:
		return "nothing was compared"
	case !(float64(w.Error) <= r.Tolerance):
		return fmt.Sprintf("%s of case %s at position %d is off by %.2g, at most %.2g is allowed", w.Hook, w.Case, w.Pos, float64(w.Error), r.Tolerance)
	case len(r.Missing) > 0:
		return "the dump has hooks that the model has not: " + strings.Join(r.Missing, ", ")
	case len(r.IDs) > 0:
		return "the tokenizer gives other ids than the reference's for " + strings.Join(r.IDs, ", ")
	}
	i := slices.IndexFunc(r.Tokens, func(t Token) bool { return !t.TossUp() })
	t := r.Tokens[i]
	return fmt.Sprintf("greedy token %d of case %s is %d, expected %d, which led by %.3g", t.At, t.Case, t.Got, t.Want, t.Margin)
}
