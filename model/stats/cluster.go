package stats

import "math"

// AssumedICC is the intra-class correlation that ClusterRate takes where none can
// be measured. Samples of one question showed 0.03 (a design effect of 1.77 at 25
// samples); this is far above.
const AssumedICC = 0.2

// Share is a share over clusters of observations, such as the samples of questions.
type Share struct {
	Value  float64 // Σhits/Σtotals; NaN without observations
	Hits   int
	N      int // observations
	Groups int // clusters with observations
	Interval
	// DesignEffect is by how much the variance of Value exceeds that of as many
	// independent observations, at least 1; NaN where it cannot be measured: with
	// one cluster, or when no observation or every one is a hit.
	DesignEffect float64
}

// ClusterRate is the share of hits[q] among totals[q] observations of clusters q,
// with an interval that holds although observations of one cluster resemble each
// other. It is the outer hull of two:
//
//   - Student's t with Q−1 degrees of freedom on the means of the Q clusters, on the
//     logit scale: SE² = Q/(Q−1)·Σ(hits_q − p̂·totals_q)²/N², carried over by the
//     delta method (for equal totals SE = sd/√Q of the means);
//   - Wilson at N/D observations, D = max(1, SE²·N/(p̂(1−p̂))) the measured design
//     effect. Where fewer than half of the clusters have a hit, or a miss, what is
//     seen says little about how clusters differ, and D is at least
//     1 + (N/Q−1)·AssumedICC.
//
// At 0 hits, and at N, the interval is one-sided, at that D. With one cluster it is
// Wilson's for independent observations. Clusters without observations are left out.
func ClusterRate(hits, totals []int) Share {
	s := Share{Value: math.NaN(), Interval: unknown(), DesignEffect: math.NaN()}
	for q, n := range totals {
		if n > 0 {
			s.Hits, s.N, s.Groups = s.Hits+hits[q], s.N+n, s.Groups+1
		}
	}
	if s.N == 0 {
		return s
	}
	n, groups := float64(s.N), float64(s.Groups)
	assumed := 1 + (n/groups-1)*AssumedICC
	s.Value = float64(s.Hits) / n
	switch {
	case s.Groups == 1:
		s.Interval = Wilson(float64(s.Hits), n)
	case s.Hits == 0 || s.Hits == s.N:
		k := n / assumed
		s.Interval = Wilson(s.Value*k, k)
	default:
		se := rateSE(hits, totals, s.Value, n, groups)
		s.DesignEffect = math.Max(1, se*se*n/(s.Value*(1-s.Value)))
		k := n / s.DesignEffect
		if lopsided(hits, totals, s.Groups) {
			k = n / math.Max(s.DesignEffect, assumed)
		}
		s.Interval = logitAround(s.Value, tQuantile(groups-1)*se).hull(Wilson(s.Value*k, k))
	}
	return s
}

// lopsided tells whether fewer than half of the clusters have a hit, or a miss.
func lopsided(hits, totals []int, groups int) bool {
	withHit, withMiss := 0, 0
	for q, n := range totals {
		if n > 0 && hits[q] > 0 {
			withHit++
		}
		if n > hits[q] {
			withMiss++
		}
	}
	return 2*min(withHit, withMiss) < groups
}

// rateSE is the standard error of Σhits/Σtotals = p over clusters.
func rateSE(hits, totals []int, p, n, groups float64) float64 {
	ss := 0.0
	for q := range totals {
		r := float64(hits[q]) - p*float64(totals[q])
		ss += r * r
	}
	return math.Sqrt(groups/(groups-1)*ss) / n
}

// Mean is a mean over clusters of observations.
type Mean struct {
	Value  float64 // of all observations; NaN without any
	SE     float64 // NaN with one cluster
	N      int     // observations
	Groups int     // clusters
	Interval
}

// ClusterMean is the mean of x, where x[i] belongs to cluster of[i], with Student's
// t on the residuals summed by cluster, G−1 degrees of freedom for G clusters:
// SE² = G/(G−1)·Σ_g(Σ_{i∈g}(xᵢ − x̄))²/n². A nil of makes each value a cluster of
// its own, which is the ordinary t interval. With one cluster the interval is
// missing.
func ClusterMean(x []float64, of []string) Mean {
	m := Mean{Value: math.NaN(), SE: math.NaN(), N: len(x), Interval: unknown()}
	if len(x) == 0 {
		return m
	}
	m.Value = 0
	for _, v := range x {
		m.Value += v / float64(len(x))
	}
	ss := 0.0
	if of == nil {
		m.Groups = len(x)
		for _, v := range x {
			ss += (v - m.Value) * (v - m.Value)
		}
	} else {
		ss, m.Groups = clusterSquares(x, of, m.Value)
	}
	if m.Groups < 2 {
		return m
	}
	g := float64(m.Groups)
	m.SE = math.Sqrt(g/(g-1)*ss) / float64(len(x))
	reach := tQuantile(g-1) * m.SE
	m.Interval = Interval{m.Value - reach, m.Value + reach}
	return m
}

// clusterSquares sums the squares of the residuals of clusters, in order of their
// first member, so that the sum does not depend on a map.
func clusterSquares(x []float64, of []string, mean float64) (ss float64, groups int) {
	at := map[string]int{}
	var sums []float64
	for i, v := range x {
		g, ok := at[of[i]]
		if !ok {
			g = len(sums)
			at[of[i]] = g
			sums = append(sums, 0)
		}
		sums[g] += v - mean
	}
	for _, r := range sums {
		ss += r * r
	}
	return ss, len(sums)
}
