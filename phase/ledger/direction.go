package ledger

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"agar/model/lora"
	"agar/phase"
)

// directionClaim takes the column space that a module writes into at the last
// checkpoint through the battery.
func (e *Evidence) directionClaim(m *lora.Module) Claim {
	c := Claim{
		ID: "direction:" + m.Name, Kind: KindDirection, Module: m.Name,
		Statement: fmt.Sprintf("%s writes into %d of %d dimensions at the end", m.Name, m.R, m.Out),
	}
	for _, s := range e.Run.Report.Modules {
		if s.Name == m.Name && s.Rank == 0 && s.Singular != nil {
			c.Statement = fmt.Sprintf("the first %d left singular directions of the last ΔW of %s, of %d dimensions, hold %.3f of ‖ΔW‖²", m.R, m.Name, m.Out, float64(s.Singular.Share))
		}
	}
	first, last := e.measuredSpan()
	c.battery([8]Check{
		e.directionTwin(m), e.directionSeeds(m), e.directionControls(m), e.covariates(first, last),
		e.directionDegenerate(m), e.heldOut(first), e.dictionary(length(e.Run.Report)), e.directionNull(),
	})
	return c
}

// Overlap is the mean squared cosine of the principal angles between the column
// spaces of B of two modules, ‖Q_aᵀQ_b‖²/min(r_a, r_b), cos² at rank 1, and p the
// chance of as much between random spaces: d·‖Q_aᵀQ_b‖² is χ² with r_a·r_b degrees
// of freedom to order 1/d. NaN where the shapes differ or a B is zero.
func Overlap(a, b *lora.Module) (share, p float64) {
	qa, ra := orthonormal(a)
	qb, rb := orthonormal(b)
	if a.Out != b.Out || ra == 0 || rb == 0 {
		return math.NaN(), math.NaN()
	}
	sum := 0.0
	for _, x := range qa {
		for _, y := range qb {
			d := dot(x, y)
			sum += d * d
		}
	}
	return sum / float64(min(ra, rb)), distuv.ChiSquared{K: float64(ra * rb)}.Survival(float64(a.Out) * sum)
}

// orthonormal is a basis of the columns of B [Out, R] by Gram-Schmidt, twice over.
func orthonormal(m *lora.Module) (q [][]float64, rank int) {
	for j := range m.R {
		v := make([]float64, m.Out)
		for i := range v {
			v[i] = float64(m.B[i*m.R+j])
		}
		before := math.Sqrt(dot(v, v))
		for range 2 {
			for _, u := range q {
				d := dot(u, v)
				for i := range v {
					v[i] -= d * u[i]
				}
			}
		}
		n := math.Sqrt(dot(v, v))
		if n <= 1e-6*before || n == 0 {
			continue
		}
		for i := range v {
			v[i] /= n
		}
		q = append(q, v)
	}
	return q, len(q)
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// overlapWith is the overlap with the same module of another run.
func overlapWith(r *Run, m *lora.Module) (share, p float64, why string) {
	if r.Final == nil {
		return 0, 0, "its last adapter was not read"
	}
	o, ok := r.Final.Module(m.Name)
	if !ok {
		return 0, 0, "it has no " + m.Name
	}
	if share, p = Overlap(m, o); math.IsNaN(share) {
		return 0, 0, "its adapter has another shape or is zero"
	}
	return share, p, ""
}

// directionTwin fails when the twin writes into the same directions.
func (e *Evidence) directionTwin(m *lora.Module) Check {
	if e.Twin == nil {
		return notRun("no twin was given")
	}
	if sameWeights(e.Twin.Report, e.Run.Report) {
		return notRun("the twin is the run itself: its last weights have the same hash")
	}
	share, p, why := overlapWith(e.Twin, m)
	if why != "" {
		return notRun("twin: %s", why)
	}
	n := []Figure{fig("overlap with the twin", share, "cos²"), fig("p of random directions", p, "")}
	why = fmt.Sprintf("the twin shares %.3f of it (cos², random directions %.2g)", share, 1/float64(m.Out))
	return decide(share < SharedOverlap, n, why, why+fmt.Sprintf(", expected below %g", SharedOverlap))
}

// directionSeeds passes when every other seed overlaps more than random directions
// would, at a level corrected for their number.
func (e *Evidence) directionSeeds(m *lora.Module) Check {
	others, _ := e.others()
	could, show, least := 1, 1, math.Inf(1)
	for _, s := range others {
		share, p, why := overlapWith(s, m)
		if why != "" {
			continue
		}
		could++
		least = min(least, share)
		if p <= Alpha/float64(len(others)) {
			show++
		}
	}
	if could < MinSeeds {
		return notRun("%d runs of this recipe have this module, %d are needed", could, MinSeeds)
	}
	n := []Figure{fig("runs that share it", float64(show), ""), fig("runs", float64(could), ""), fig("least overlap", least, "cos²")}
	why := fmt.Sprintf("%d of %d runs share more of it than random directions would (least %.3f cos²)", show, could, least)
	return decide(show >= MinSeeds && float64(show) >= SeedShare*float64(could), n, why, why)
}

// directionControls fails when a control of the same size overlaps as much as the
// least similar seed.
func (e *Evidence) directionControls(m *lora.Module) Check {
	others, _ := e.others()
	seed, control, n := math.Inf(1), 0.0, 0
	for _, s := range others {
		if x, _, why := overlapWith(s, m); why == "" {
			seed = min(seed, x)
		}
	}
	for _, c := range e.matched() {
		if x, _, why := overlapWith(c, m); why == "" {
			control, n = max(control, x), n+1
		}
	}
	if n == 0 || math.IsInf(seed, 1) {
		return notRun("needs another seed and a control whose norm ends within a factor %g", MatchedNorm)
	}
	why := fmt.Sprintf("%d matched controls share at most %.3f of it, other seeds at least %.3f (cos²)", n, control, seed)
	return decide(control < seed, []Figure{fig("controls", float64(n), ""), fig("largest overlap with a control", control, "cos²"), fig("least overlap with a seed", seed, "cos²")}, why, why)
}

// directionDegenerate fails on a run compared with itself, and on an adapter that
// never moved. It names the test that a rank-1 adapter makes empty.
func (e *Evidence) directionDegenerate(m *lora.Module) Check {
	copies, of := e.copies()
	n := []Figure{fig("runs compared with", float64(of), ""), fig("of them copies", float64(copies), ""), fig("‖B‖", m.NormB(), "")}
	note := ""
	if why := e.projected(m); why != "" {
		note = "; no test: " + why
	}
	switch {
	case m.NormB() == 0:
		return failed(n, "B is zero: there is no direction")
	case copies > 0:
		return failed(n, "%d of %d runs compared with have the same last weights as another", copies, of)
	case of == 0:
		return notRun("nothing was compared that could be degenerate%s", note)
	}
	return passed(n, "no run is compared with itself%s", note)
}

// projected says why projecting the direction out of what a module writes is no
// test: little enough of ΔW is left that the adapter itself is taken away. "" where
// it is one, and where the module writes in several directions.
func (e *Evidence) projected(m *lora.Module) string {
	q, rank := orthonormal(m)
	if rank != 1 || e.Run.Final == nil {
		return ""
	}
	direction := make([]float32, len(q[0]))
	for i, x := range q[0] {
		direction[i] = float32(x)
	}
	if !errors.Is(phase.CheckProjection(e.Run.Final, direction), phase.ErrDegenerate) {
		return ""
	}
	for _, d := range e.Run.Report.Degenerate {
		if d.Test == phase.TestProjectB && d.What == m.Name {
			return d.Why
		}
	}
	return fmt.Sprintf("its %d columns of B lie in one direction: projecting that out of the module's output takes the adapter away whole", m.R)
}

// directionNull asks whether the adapter went anywhere: independent steps would give
// a median turn angle of 90°.
func (e *Evidence) directionNull() Check {
	x := e.Run.Report.Noise
	if !x.MedianDeg.OK() {
		return notRun("no turn angle is known")
	}
	n := []Figure{fig("median turn angle", float64(x.MedianDeg), "degrees"), fig("k", float64(x.K), "steps")}
	why := fmt.Sprintf("the median turn angle is %.0f° at k = %d (independent steps give 90°), the signal is lost in %d of %d windows", float64(x.MedianDeg), x.K, x.Lost, x.Windows)
	return decide(!x.Dominated, n, why, why+": dominated by noise")
}

// measuredSpan are the first and the last step that behaviour was measured at, those
// of the run where it was not.
func (e *Evidence) measuredSpan() (first, last int) {
	last = length(e.Run.Report)
	if len(e.Run.Report.Checkpoints) > 0 {
		first = e.Run.Report.Checkpoints[0].Step
	}
	if e.Run.Behaviour != nil {
		if p := e.Run.Behaviour.At(e.lambda()); len(p) > 0 {
			first, last = max(first, p[0].Step), min(last, p[len(p)-1].Step)
		}
	}
	if e.Answers != nil {
		if a, b := e.Answers.Span(); a < b {
			first, last = max(first, a), min(last, b)
		}
	}
	return first, last
}
