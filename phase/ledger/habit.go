package ledger

import (
	"fmt"
	"strings"

	"agar/phase"
)

// covariates asks whether answer length or a surface habit explains what happens: the
// rise of misalignment from before an interval of steps to the end of the run at equal
// length, and what of the answers changes across the interval. It passes when both
// halves pass, so that a habit nobody looked for is not counted as none.
func (e *Evidence) covariates(from, to int) Check {
	length, habit := e.atEqualLength(from), e.habits(from, to)
	out := Check{Outcome: NotRun, Why: length.Why + "; " + habit.Why, Numbers: append(length.Numbers, habit.Numbers...)}
	switch {
	case length.Outcome == Failed && habit.Outcome == Failed:
		out.Outcome, out.of = Failed, "length and "+habit.of
	case length.Outcome == Failed:
		out.Outcome, out.of = Failed, "length"
	case habit.Outcome == Failed:
		out.Outcome, out.Why, out.of = Failed, habit.Why+"; "+length.Why, habit.of
	case length.Outcome == Passed && habit.Outcome == Passed:
		out.Outcome = Passed
	case length.Outcome == NotRun && habit.Outcome == NotRun && length.Why == habit.Why:
		out.Why = length.Why
	}
	return out
}

// habits fails when a habit explains what changes across an interval of steps: when
// misalignment does not change at an equal habit, cannot be told from it, or changes
// less at an equal habit than the habit does at equal misalignment.
func (e *Evidence) habits(from, to int) Check {
	if e.Answers == nil {
		return notRun("no judged answers were given that a habit could be looked for in")
	}
	if len(e.Answers.Habits) == 0 {
		return notRun("no habit was named that could be looked for in the answers")
	}
	o := *e.Answers
	o.Lambda = e.lambda()
	a := phase.Attribute(o, from, to)
	if a.Why != "" {
		return notRun("%s", a.Why)
	}
	n, words := []Figure{
		fig("misaligned before", float64(a.Misaligned[0]), "share"), fig("misaligned after", float64(a.Misaligned[1]), "share"),
		fig("judged answers", float64(a.Left+a.Right), ""),
	}, []string{a.Summary()}
	worst, of := Passed, []string{}
	for i := range a.Habits {
		h := &a.Habits[i]
		if h.Name == phase.OrderLength {
			continue
		}
		n = append(n, habitFigures(h)...)
		words = append(words, h.Effect()+": "+h.Words())
		o := habitOutcome(h)
		if worst = worse(worst, o); o == Failed {
			of = append(of, h.Name)
		}
	}
	return Check{Outcome: worst, Why: strings.Join(words, "; "), Numbers: n, of: strings.Join(of, ", ")}
}

func habitOutcome(h *phase.HabitAt) Outcome {
	switch h.Verdict {
	case phase.ExplainsMisalignment:
		return Passed
	case phase.ExplainsBoth:
		if h.Misaligned.Corrected >= h.Own.Corrected {
			return Passed
		}
		return Failed
	case phase.ExplainsNeither:
		return NotRun
	}
	return Failed
}

// worse is the outcome of two habits: one that explains the change is enough to fail.
func worse(a, b Outcome) Outcome {
	switch {
	case a == Failed || b == Failed:
		return Failed
	case a == NotRun || b == NotRun:
		return NotRun
	}
	return Passed
}

func habitFigures(h *phase.HabitAt) []Figure {
	of := func(what string) string { return fmt.Sprintf(what, h.Name) }
	return []Figure{
		fig(of("change of %s"), float64(h.Change.Corrected), "bits"), fig(of("p of the change of %s"), float64(h.Change.P), ""),
		fig(of("change of misalignment at equal %s"), float64(h.Misaligned.Corrected), "bits"), fig(of("p of misalignment at equal %s"), float64(h.Misaligned.P), ""),
		fig(of("change of %s at equal misalignment"), float64(h.Own.Corrected), "bits"),
		fig(of("rise of misalignment at equal %s"), float64(h.Rise.Value), "share"), fig("lower end of 95 %", float64(h.Rise.Lo), "share"), fig("upper end of 95 %", float64(h.Rise.Hi), "share"),
		fig(of("share of the comparison left at equal %s"), float64(h.Overlap), ""),
	}
}
