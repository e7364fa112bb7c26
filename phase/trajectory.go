package phase

import "math"

// Trajectory is the features of a dictionary over the checkpoints of a
// fine-tune. Arrays run over steps, then λ, then features; a value that does not
// exist is NaN.
type Trajectory struct {
	Format  string    `json:"format"` // agar-trajectory/1
	Run     string    `json:"run"`
	SAE     string    `json:"sae"`
	Hook    string    `json:"hook"`
	On      string    `json:"on"` // answers, text or own
	Steps   []int     `json:"steps"`
	Lambdas []float64 `json:"lambdas"`
	DSAE    int       `json:"d_sae"`

	Mean       []float32 `json:"-"` // [step][λ][DSAE] mean activation over the tokens that count
	Density    []float32 `json:"-"` // [step][λ][DSAE] share of them on which the feature fires
	L0         []float64 `json:"-"` // [step][λ] mean features a token
	EV         []float64 `json:"-"` // [step][λ] explained variance, 1 − mean‖h − x̂‖²/(mean‖h‖² − ‖mean h‖²)
	DeltaCE    []float64 `json:"-"` // [step][λ] nats that splicing the dictionary in costs
	ChangeSeen []float64 `json:"-"` // [step][λ] 1 − Σ‖Δh − Δx̂‖²/Σ‖Δh‖², Δ against the base; NaN where nothing changed

	Base       Snapshot `json:"-"`           // the base model on the same tokens (on own: on its own)
	Tokens     int      `json:"tokens"`      // that count; on own: over all checkpoints
	CETokens   int      `json:"ce_tokens"`   // of ΔCE
	LeftOut    int      `json:"left_out"`    // tokens left out for the length of their activation
	ClosedForm bool     `json:"closed_form"` // no forward was needed per checkpoint
	First      string   `json:"first_hook"`  // the first hook that the adapter can change
	ZeroSteps  []int    `json:"zero_steps"`  // checkpoints whose B is zero: the base's numbers
	Warnings   []string `json:"warnings"`
}

// Snapshot is the features at one state of the model.
type Snapshot struct {
	Mean, Density               []float32 // [DSAE]
	L0, EV, DeltaCE, ChangeSeen float64   // NaN where there is no value
}

// TrajectoryFormat is the version that Trajectory.Format carries.
const TrajectoryFormat = "agar-trajectory/1"

func newTrajectory(f *follower) *Trajectory {
	t := &Trajectory{
		Format: TrajectoryFormat, Run: f.Series.Run, SAE: f.SAEPath, Hook: f.Hook, On: f.On, Steps: f.Steps, Lambdas: f.Lambdas, DSAE: f.SAE.DSAE,
		ZeroSteps: []int{}, Warnings: []string{},
	}
	t.allocate()
	return t
}

// allocate makes arrays of missing values.
func (t *Trajectory) allocate() {
	n := len(t.Steps) * len(t.Lambdas)
	t.Mean, t.Density = make([]float32, n*t.DSAE), make([]float32, n*t.DSAE)
	for _, x := range []*[]float64{&t.L0, &t.EV, &t.DeltaCE, &t.ChangeSeen} {
		*x = make([]float64, n)
		for i := range *x {
			(*x)[i] = math.NaN()
		}
	}
	t.Base = newSnapshot(make([]float32, t.DSAE), make([]float32, t.DSAE))
}

func newSnapshot(mean, density []float32) Snapshot {
	nan := math.NaN()
	return Snapshot{mean, density, nan, nan, nan, nan}
}

// index is where step s and λ l lie in the arrays by step and λ.
func (t *Trajectory) index(s, l int) int { return s*len(t.Lambdas) + l }

// At is the state at step index s and λ index l. Its slices are those of t.
func (t *Trajectory) At(s, l int) Snapshot {
	i := t.index(s, l)
	lo, hi := i*t.DSAE, (i+1)*t.DSAE
	return Snapshot{t.Mean[lo:hi:hi], t.Density[lo:hi:hi], t.L0[i], t.EV[i], t.DeltaCE[i], t.ChangeSeen[i]}
}

// record lets fill write the state at s and l.
func (t *Trajectory) record(s, l int, fill func(*Snapshot)) {
	x := t.At(s, l)
	fill(&x)
	t.set(s, l, x)
}

// set stores the figures of a snapshot, whose slices are those of At.
func (t *Trajectory) set(s, l int, x Snapshot) {
	i := t.index(s, l)
	t.L0[i], t.EV[i], t.DeltaCE[i], t.ChangeSeen[i] = x.L0, x.EV, x.DeltaCE, x.ChangeSeen
}

// Curve is the mean activation of feature f over the steps at λ index l.
func (t *Trajectory) Curve(f, l int) []float32 {
	out := make([]float32, len(t.Steps))
	for s := range out {
		out[s] = t.Mean[t.index(s, l)*t.DSAE+f]
	}
	return out
}

// Emergence is the step at which feature f crosses half of its change at λ index
// l: the first checkpoint from which on its mean activation stays on the far
// side of the middle between the base's and the last checkpoint's. change is
// last less base. ok is false when the mean does not change.
func (t *Trajectory) Emergence(f, l int) (step int, change float32, ok bool) {
	curve := t.Curve(f, l)
	if len(curve) == 0 {
		return 0, 0, false
	}
	from, to := t.Base.Mean[f], curve[len(curve)-1]
	if change = to - from; change == 0 {
		return 0, 0, false
	}
	s := len(curve) - 1
	for s > 0 && (curve[s-1]-from)/change >= .5 {
		s--
	}
	return t.Steps[s], change, true
}
