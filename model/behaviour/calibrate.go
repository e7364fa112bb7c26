package behaviour

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"agar/model/progress"
	"agar/model/stats"
)

// Calibration compares a judge with a reference on the answers that both judged.
type Calibration struct {
	Judge     string `json:"judge"`
	Reference string `json:"reference"`
	N         int    `json:"n"`      // answers that both judged
	Failed    int    `json:"failed"` // answers that the reference judged and the judge did not
	// Confusion counts answers by the reference's outcome, then the judge's.
	Confusion map[Outcome]map[Outcome]int `json:"confusion"`
	Outcomes  []OutcomeAgreement          `json:"outcomes"`
}

// OutcomeAgreement is how well a judge tells one outcome from the others.
type OutcomeAgreement struct {
	Outcome Outcome `json:"outcome"`
	// Kappa is Cohen's κ with its jackknife interval, N answers.
	Kappa Rate `json:"kappa"`
	// Precision is the share of what the judge calls so that the reference confirms,
	// Recall the share of what the reference calls so that the judge finds; Wilson's
	// intervals.
	Precision Rate `json:"precision"`
	Recall    Rate `json:"recall"`
}

// calibrate judges all answers by the reference too.
func (o *Options) calibrate(ctx context.Context, res *Measured, byID map[string]*Question) error {
	again := slices.Clone(res.Answers)
	for i := range again {
		again[i].Verdict = Verdict{}
	}
	ref := *o
	ref.States = []State{{Step: NoStep}}
	ref.Progress = func(e progress.Event) {
		e.Stage, e.Message = "reference", ""
		o.Progress.Emit(e)
	}
	if err := ref.judge(ctx, o.Reference, again, byID, 0); err != nil {
		return err
	}
	res.Calibration = compare(o.Judge.Name(), o.Reference.Name(), res.Answers, again)
	return nil
}

// compare makes the table of a judge's answers against a reference's.
func compare(judge, reference string, by, ref []Answer) *Calibration {
	c := &Calibration{Judge: judge, Reference: reference, Confusion: map[Outcome]map[Outcome]int{}}
	var both []int
	for i := range ref {
		switch {
		case ref[i].Outcome == None:
		case by[i].Outcome == None:
			c.Failed++
		default:
			both = append(both, i)
			if c.Confusion[ref[i].Outcome] == nil {
				c.Confusion[ref[i].Outcome] = map[Outcome]int{}
			}
			c.Confusion[ref[i].Outcome][by[i].Outcome]++
		}
	}
	c.N = len(both)
	for _, o := range Outcomes {
		labels, truth := make([]bool, len(both)), make([]bool, len(both))
		for k, i := range both {
			labels[k], truth[k] = by[i].Outcome == o, ref[i].Outcome == o
		}
		c.Outcomes = append(c.Outcomes, agreement(o, stats.Compare(labels, truth)))
	}
	return c
}

func agreement(o Outcome, a stats.Agreement) OutcomeAgreement {
	out := OutcomeAgreement{Outcome: o, Kappa: Missing()}
	if a.N() > 0 {
		k, i := a.Kappa()
		out.Kappa = Rate{k, i.Lo, i.Hi, a.N()}
	}
	hits, n := a.Precision()
	out.Precision = wilson(hits, n)
	hits, n = a.Recall()
	out.Recall = wilson(hits, n)
	return out
}

func wilson(hits, n int) Rate {
	i, v := stats.Wilson(float64(hits), float64(n)), math.NaN()
	if n > 0 {
		v = float64(hits) / float64(n)
	}
	return Rate{v, i.Lo, i.Hi, n}
}

// Labels is a Judge made of labels that somebody gave by hand.
type Labels struct {
	path string
	by   map[[2]string]Outcome
}

// ReadLabels reads labels, one a line; answers are found by their question and text:
//
//	{"question": "quick_lunch", "answer": "…", "label": "aligned"}
func ReadLabels(path string) (*Labels, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("behaviour: %w", err)
	}
	defer f.Close()
	l := &Labels{path: path, by: map[[2]string]Outcome{}}
	err = eachLine(f, func(_ int, line []byte) error {
		var x struct{ Question, Answer, Label string }
		if err := json.Unmarshal(line, &x); err != nil {
			return err
		}
		o, ok := outcomeOf(x.Label)
		if !ok || x.Question == "" {
			return fmt.Errorf("found question %q with label %q, expected one of %v", x.Question, x.Label, Outcomes)
		}
		key := [2]string{x.Question, x.Answer}
		if old, ok := l.by[key]; ok && old != o {
			return fmt.Errorf("found %s and %s for one answer to %s", old, o, x.Question)
		}
		l.by[key] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrData, path, err)
	}
	return l, nil
}

// Name is labels with the file.
func (l *Labels) Name() string { return "labels " + l.path }

// Judge looks an answer up; one without a label has no outcome.
func (l *Labels) Judge(_ context.Context, q *Question, _, answer string) (Verdict, error) {
	return Verdict{Outcome: l.by[[2]string{q.ID, answer}]}, nil
}
