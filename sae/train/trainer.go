package train

import (
	"fmt"

	"agar/model/tensor"
	"agar/sae"
)

// Trainer is a dictionary under training with the state of its optimiser. One
// goroutine at a time may use it.
type Trainer struct {
	cfg Config

	wEnc, wDec []float32 // [DSAE, DIn]
	bEnc, bDec []float32
	threshold  float32 // −1 until it follows
	moments    [4]moment
	silent     []int32 // steps since each feature fired
	step       int

	weight *tensor.Weight // over wEnc
	panels *tensor.Panels
	scratch
}

// moment holds Adam's running means of a parameter's gradient and its square.
type moment struct{ m, v []float32 }

// Stats are the figures of one step.
type Stats struct {
	Step      int     // from 0
	Loss      float64 // with the auxiliary part
	MSE       float64 // mean ‖x − x̂‖² in training's scale
	Aux       float64 // L_aux, 0 when nothing is dead
	EV        float64 // 1 − mean‖x − x̂‖² / (mean‖x‖² − ‖mean x‖²) of the batch
	L0        float64 // mean features a token
	Dead      int     // features that count as dead
	GradNorm  float64 // of all gradients, before clipping
	LR        float64
	Threshold float64 // −1 until it follows
}

// New returns a trainer before its first step.
func New(c Config) *Trainer {
	n := c.DSAE * c.DIn
	t := &Trainer{
		cfg:  c,
		wEnc: make([]float32, n), wDec: make([]float32, n),
		bEnc: make([]float32, c.DSAE), bDec: make([]float32, c.DIn),
		threshold: -1, silent: make([]int32, c.DSAE),
	}
	for i, p := range t.params() {
		t.moments[i] = moment{make([]float32, len(p)), make([]float32, len(p))}
		t.grad[i] = make([]float32, len(p))
	}
	t.mainParts = make([]sae.Builder, (c.Batch+partRows-1)/partRows)
	t.auxParts = make([]sae.Builder, len(t.mainParts))
	t.weight = tensor.WeightF32(c.DSAE, c.DIn, t.wEnc)
	t.panels = tensor.NewPanels(8 * int64(n))
	t.initialise()
	return t
}

// params lists the parameters in the order of moments and gradients.
func (t *Trainer) params() [4][]float32 { return [4][]float32{t.wEnc, t.bEnc, t.wDec, t.bDec} }

// row is feature i's part of w [DSAE, DIn].
func (t *Trainer) row(w []float32, i int) []float32 { return w[i*t.cfg.DIn : (i+1)*t.cfg.DIn] }

// Config returns the configuration.
func (t *Trainer) Config() Config { return t.cfg }

// Steps is the number of steps done.
func (t *Trainer) Steps() int { return t.step }

// Step trains on one batch x [Batch, DIn], which it does not change. It panics
// when x has another size.
func (t *Trainer) Step(x []float32) Stats {
	c := &t.cfg
	if len(x) != c.Batch*c.DIn {
		panic(fmt.Errorf("%w: a batch has %d values, expected %d×%d", sae.ErrShape, len(x), c.Batch, c.DIn))
	}
	if t.step == 0 {
		copy(t.bDec, geometricMedian(x, c.Batch, c.DIn))
	}
	st := Stats{Step: t.step, LR: c.LR * c.rate(t.step)}
	t.centre(x)
	smallest := t.choose()
	t.follow(smallest)
	t.reconstruct(x, &st)
	t.auxiliary(&st)
	st.GradNorm = t.gradients()
	t.update(st.LR, st.GradNorm)
	st.Loss = st.MSE + c.AuxAlpha*st.Aux
	st.L0, st.Threshold = t.codes.L0(), float64(t.threshold)
	t.step++
	return st
}

// follow moves the threshold towards the smallest activation kept:
// θ ← βθ + (1−β)·smallest, the first time θ ← smallest.
func (t *Trainer) follow(smallest float32) {
	if t.step <= t.cfg.ThresholdStart {
		return
	}
	if t.threshold < 0 {
		t.threshold = smallest
		return
	}
	b := float32(t.cfg.ThresholdBeta)
	t.threshold = b*t.threshold + (1-b)*smallest
}

// SAE returns the dictionary as it stands, as jumprelu with one threshold for
// all features, for activations divided by nothing when scale is 1 and else for
// activations that were divided by scale before training.
func (t *Trainer) SAE(scale float32) *sae.SAE {
	s := sae.New(sae.ArchJumpReLU, t.cfg.DIn, t.cfg.DSAE)
	copy(s.WEnc, t.wEnc)
	copy(s.BEnc, t.bEnc)
	copy(s.WDec, t.wDec)
	copy(s.BDec, t.bDec)
	for i := range s.Threshold {
		s.Threshold[i] = max(t.threshold, 0)
	}
	s.FoldScale(scale)
	return s
}
