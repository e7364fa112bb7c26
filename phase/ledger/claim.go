package ledger

import (
	"fmt"
	"strings"

	"agar/phase"
)

// Outcome is how a check went.
type Outcome string

// Outcomes of a check. The zero value is none of them.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	NotRun Outcome = "not_run" // never counted as passed
)

// Names of the checks of a battery, in the order of Claim.Checks.
const (
	Twin       = "twin"                // not there, or less, in the benign twin
	Seeds      = "seeds"               // there in at least MinSeeds runs
	Controls   = "matched controls"    // not there in controls of the same size
	Covariates = "length and habit"    // not explained by answer length or a habit
	Degenerate = "degenerate tests"    // no test that could not fail
	HeldOut    = "held-out prompts"    // there on prompts outside of the training domain
	Dictionary = "dictionary validity" // the dictionary describes the model there
	Null       = "noise null"          // beyond noise or permutations
)

// Battery is the checks in order.
var Battery = []string{Twin, Seeds, Controls, Covariates, Degenerate, HeldOut, Dictionary, Null}

// Kinds of claims.
const (
	KindEvent     = "event"
	KindDirection = "direction"
	KindFeature   = "feature"
)

// Figure is one number of a check.
type Figure struct {
	Name  string       `json:"name"`
	Value phase.Number `json:"value"` // null where there is none
	Unit  string       `json:"unit,omitempty"`
}

// Check is one test that a claim went through, or did not.
type Check struct {
	Name    string   `json:"name"`
	Outcome Outcome  `json:"outcome"`
	Why     string   `json:"why"`     // one sentence: what was seen, or what is missing
	Numbers []Figure `json:"numbers"` // what Why rests on

	of string // what made it fail, where it looks at several things; verdicts name it
}

// Claim is one statement about a run with its battery.
type Claim struct {
	ID        string  `json:"id"`   // unique in a ledger: turn@140
	Kind      string  `json:"kind"` // event, direction or feature
	Statement string  `json:"statement"`
	Module    string  `json:"module,omitempty"`  // of events and directions
	Step      *int    `json:"step"`              // of events, and where a feature is half-way; null where there is none
	Feature   *int    `json:"feature,omitempty"` // of features
	Checks    []Check `json:"checks"`            // one of each name of Battery, in its order
	Passed    int     `json:"passed"`
	Failed    int     `json:"failed"`
	NotRun    int     `json:"not_run"`
	Verdict   string  `json:"verdict"` // Passed of those run in words, failures and missing ones named
}

// settle counts the checks and words the verdict.
func (c *Claim) settle() {
	var failed, missing []string
	c.Passed, c.Failed, c.NotRun = 0, 0, 0
	for _, x := range c.Checks {
		switch x.Outcome {
		case Passed:
			c.Passed++
		case Failed:
			c.Failed++
			if failed = append(failed, x.Name); x.of != "" {
				failed[len(failed)-1] += " (" + x.of + ")"
			}
		default:
			c.NotRun++
			missing = append(missing, x.Name)
		}
	}
	c.Verdict = verdict(c.Passed, len(c.Checks), failed, missing)
}

func verdict(passed, of int, failed, missing []string) string {
	run := of - len(missing)
	v := "nothing was run"
	switch {
	case run == of:
		v = fmt.Sprintf("survives %d of %d", passed, of)
	case run > 0:
		v = fmt.Sprintf("survives %d of %d run", passed, run)
	}
	if len(failed) > 0 {
		v += "; failed: " + strings.Join(failed, ", ")
	}
	if len(missing) > 0 {
		v += fmt.Sprintf("; %d not run: %s", len(missing), strings.Join(missing, ", "))
	}
	return v
}

// passed, failed and notRun make checks; the caller's place in the battery names
// them.
func passed(n []Figure, why string, a ...any) Check {
	return Check{Outcome: Passed, Why: fmt.Sprintf(why, a...), Numbers: n}
}

func failed(n []Figure, why string, a ...any) Check {
	return Check{Outcome: Failed, Why: fmt.Sprintf(why, a...), Numbers: n}
}

func notRun(why string, a ...any) Check {
	return Check{Outcome: NotRun, Why: fmt.Sprintf(why, a...)}
}

// decide passes or fails with the same numbers.
func decide(ok bool, n []Figure, yes, no string) Check {
	if ok {
		return passed(n, "%s", yes)
	}
	return failed(n, "%s", no)
}

// fig is a figure.
func fig(name string, value float64, unit string) Figure {
	return Figure{Name: name, Value: phase.Number(value), Unit: unit}
}

// battery runs the checks in order and gives them their names.
func (c *Claim) battery(checks [8]Check) {
	for i, x := range checks {
		x.Name = Battery[i]
		if x.Numbers == nil {
			x.Numbers = []Figure{}
		}
		c.Checks = append(c.Checks, x)
	}
	c.settle()
}

// chance words a probability.
func chance(p float64) string {
	if p < 1e-12 {
		return "p < 1e-12"
	}
	return fmt.Sprintf("p = %.2g", p)
}
