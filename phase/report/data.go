package report

import (
	"slices"

	"agar/phase"
	"agar/phase/ledger"
)

// Data is everything a report says, as report.json: whatever is printed or drawn is
// in here under a key, and Passages name those keys.
type Data struct {
	Format   string        `json:"format"` // agar-report/1
	Settings Settings      `json:"settings"`
	Run      *phase.Report `json:"run"`
	Twin     *phase.Report `json:"twin"`     // null without one
	Seeds    []Other       `json:"seeds"`    // in the order given
	Controls []Other       `json:"controls"` // in the order given
	Features *Features     `json:"features"` // null when none were followed

	Measured *Source `json:"measured"` // what run.divergence, run.robustness and a scored run.shift were measured on; null without them

	Order     []Moment       `json:"order"` // events by step
	Lags      []Lag          `json:"lags"`  // between kinds of events
	Published Reference      `json:"published"`
	Claims    []ledger.Claim `json:"claims"`
	Figures   []FigureInfo   `json:"figures"`
	Passages  []Passage      `json:"passages"` // the sentences, with the keys their numbers come from
}

// Settings are the choices that the numbers depend on.
type Settings struct {
	Name       string  `json:"name"`
	Ks         []int   `json:"ks"`          // asked for; [] is the default windows
	DebiasedKs []int   `json:"debiased_ks"` // asked for; [] is the default windows
	Rule       string  `json:"rule"`
	Tau        float64 `json:"tau"`
	Lambda     float64 `json:"lambda"`
	Trained    string  `json:"trained"`

	Rank   int      `json:"rank"`   // of fine-tunes in full, as asked for; 0 is the default
	Habits []string `json:"habits"` // looked for in the answers
	Window int      `json:"window"` // of answers, as asked for; 0 is the default
}

// Other is another run in short.
type Other struct {
	Role        string          `json:"role"`
	Checkpoints int             `json:"checkpoints"`
	LastStep    int             `json:"last_step"`
	NormDelta   phase.Number    `json:"norm_delta"` // of the last checkpoint, over all modules
	Noise       phase.Noise     `json:"noise"`
	Events      []phase.Event   `json:"events"`
	Turns       []phase.TurnAtK `json:"turns"` // plain angles of the only module, or all together
	PCA         []phase.Number  `json:"pca"`   // explained shares
}

// Moment is an event in the order of steps.
type Moment struct {
	Event    int    `json:"event"` // index in run.events
	Kind     string `json:"kind"`
	Step     int    `json:"step"`
	Interval [2]int `json:"interval"`
}

// Lag is how many steps one event comes after another: the first of each kind.
// Interval is what the intervals of both allow.
type Lag struct {
	From     int    `json:"from"` // index in order
	To       int    `json:"to"`
	Steps    int    `json:"steps"`
	Interval [2]int `json:"interval"`
}

// Features is the trajectory in short: the features that are drawn.
type Features struct {
	SAE     string         `json:"sae"`
	Hook    string         `json:"hook"`
	On      string         `json:"on"`
	Tokens  int            `json:"tokens"`
	DSAE    int            `json:"d_sae"`
	Lambda  float64        `json:"lambda"`
	Steps   []int          `json:"steps"`
	EV      []phase.Number `json:"explained_variance"`
	Seen    []phase.Number `json:"change_seen"`
	Feature []FeatureCurve `json:"features"`
}

// FeatureCurve is one feature over the checkpoints.
type FeatureCurve struct {
	Feature int            `json:"feature"`
	Base    phase.Number   `json:"mean_base"`
	Mean    []phase.Number `json:"mean"`
}

// build puts the data together. Sentences and figures come after, from it alone.
func build(in *inputs, o *Options) *Data {
	d := &Data{
		Format: Format, Run: in.Run.Report, Published: Medical(),
		Settings: Settings{Name: in.Run.Report.Run, Ks: list(o.Phase.Ks), DebiasedKs: list(o.Phase.DebiasedKs), Rule: in.Run.Report.Filter.Rule, Tau: o.Phase.Tau, Lambda: o.lambda(), Trained: o.Trained, Rank: o.Rank, Habits: append([]string{}, o.Habits...), Window: o.Window},
		Seeds:    others(in.Seeds), Controls: others(in.Controls),
		Features: features(in.Run.Trajectory, o.lambda()),
		Claims:   ledger.Claims(&in.Evidence),
	}
	if in.Twin != nil {
		d.Twin = in.Twin.Report
	}
	if !o.Measured.none() {
		d.Measured = &o.Measured.Source
	}
	d.Order = order(d.Run.Events)
	d.Lags = lags(d.Order, d.Run.Spacing)
	return d
}

func list(x []int) []int { return append([]int{}, x...) }

func others(runs []ledger.Run) []Other {
	out := []Other{}
	for _, r := range runs {
		out = append(out, other(r.Name, r.Report))
	}
	return out
}

// other sums a run up.
func other(role string, r *phase.Report) Other {
	last := r.Checkpoints[len(r.Checkpoints)-1]
	out := Other{
		Role: role, Checkpoints: len(r.Checkpoints), LastStep: last.Step, NormDelta: normDelta(&last), Noise: r.Noise, Events: r.Events,
		Turns: []phase.TurnAtK{}, PCA: r.PCA.Ratios,
	}
	if n := len(r.Modules); n > 0 {
		out.Turns = r.Modules[n-1].Turns
	}
	return out
}

// normDelta is ‖ΔW‖ over all modules of a checkpoint.
func normDelta(c *phase.CheckpointRow) phase.Number {
	switch {
	case c.Combined != nil:
		return c.Combined.NormDelta
	case len(c.Modules) > 0:
		return c.Modules[0].NormDelta
	}
	return phase.Missing()
}

// order lists events by step.
func order(events []phase.Event) []Moment {
	out := []Moment{}
	for i, e := range events {
		out = append(out, Moment{i, e.Kind, e.Step, e.Interval})
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return a.Step - b.Step })
	return out
}

// lags measures from every kind's first event to the next kind's. As in
// phase.Report.Lags, intervals of turns and gradient peaks are widened by the spacing
// of the checkpoints, to which they are placed.
func lags(all []Moment, spacing int) []Lag {
	out, seen := []Lag{}, map[string]bool{}
	var firsts []int
	for i, m := range all {
		if !seen[m.Kind] {
			seen[m.Kind] = true
			firsts = append(firsts, i)
		}
	}
	within := func(m Moment) [2]int {
		if m.Kind == phase.KindBehaviour {
			return m.Interval
		}
		return [2]int{m.Interval[0] - spacing, m.Interval[1] + spacing}
	}
	for j := 1; j < len(firsts); j++ {
		a, b := all[firsts[j-1]], all[firsts[j]]
		x, y := within(a), within(b)
		out = append(out, Lag{firsts[j-1], firsts[j], b.Step - a.Step, [2]int{y[0] - x[1], y[1] - x[0]}})
	}
	return out
}

// featuresShown is how many features are drawn: as many as there are colours.
const featuresShown = 6

// features picks those whose mean changes most at the dial nearest to lambda.
func features(t *phase.Trajectory, lambda float64) *Features {
	if t == nil || len(t.Steps) == 0 || len(t.Lambdas) == 0 {
		return nil
	}
	l := ledger.Dial(t, lambda)
	f := &Features{SAE: t.SAE, Hook: t.Hook, On: t.On, Tokens: t.Tokens, DSAE: t.DSAE, Lambda: t.Lambdas[l], Steps: t.Steps, EV: []phase.Number{}, Seen: []phase.Number{}, Feature: []FeatureCurve{}}
	for s := range t.Steps {
		x := t.At(s, l)
		f.EV, f.Seen = append(f.EV, phase.Number(x.EV)), append(f.Seen, phase.Number(x.ChangeSeen))
	}
	for _, i := range ledger.Moved(t, l, featuresShown) {
		f.Feature = append(f.Feature, FeatureCurve{i, phase.Number(t.Base.Mean[i]), numbers(t.Curve(i, l))})
	}
	return f
}

func numbers(x []float32) []phase.Number {
	out := make([]phase.Number, len(x))
	for i, v := range x {
		out[i] = phase.Number(v)
	}
	return out
}
