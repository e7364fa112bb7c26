package phase

import "gonum.org/v1/gonum/stat/distuv"

// criticalSE is the number of standard errors that is as rare under Student's t
// with dof degrees of freedom as z standard errors are under the normal
// distribution: a standard error from few increments is itself uncertain.
func criticalSE(z float64, dof int) float64 {
	if dof < 1 {
		dof = 1
	}
	tail := distuv.UnitNormal.Survival(z)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(dof)}.Quantile(1 - tail)
}
