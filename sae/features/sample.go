package features

import (
	"cmp"
	"math"
	"slices"
)

// lowest keeps the n firings of lowest priority.
type lowest struct{ kept []firing }

// wants says whether a firing of this priority would be kept.
func (s *lowest) wants(p uint64, n int) bool {
	return len(s.kept) < n || n > 0 && p < s.kept[len(s.kept)-1].priority
}

// add keeps entry e of l, which wants has said yes to.
func (s *lowest) add(l list, e int, p uint64, n int) {
	var old firing
	if len(s.kept) == n {
		old = s.kept[n-1]
		s.kept = s.kept[:n-1]
	}
	s.insert(l.firing(e, p, old))
}

func (s *lowest) insert(f firing) {
	at, _ := slices.BinarySearchFunc(s.kept, f, func(a, b firing) int { return cmp.Compare(a.priority, b.priority) })
	s.kept = slices.Insert(s.kept, at, f)
}

// merge adds what o has kept.
func (s *lowest) merge(o lowest, n int) {
	for _, f := range o.kept {
		s.insert(f)
	}
	s.kept = s.kept[:min(len(s.kept), n)]
}

// strongest keeps the n largest activations, those of earlier rows first among
// equals.
type strongest struct{ kept []firing }

func (s *strongest) wants(v float32, n int) bool {
	return len(s.kept) < n || n > 0 && v > s.kept[len(s.kept)-1].value
}

func (s *strongest) add(l list, e int, n int) {
	var old firing
	if len(s.kept) == n {
		old = s.kept[n-1]
		s.kept = s.kept[:n-1]
	}
	f := l.firing(e, 0, old)
	at, _ := slices.BinarySearchFunc(s.kept, f, func(a, b firing) int {
		if c := cmp.Compare(b.value, a.value); c != 0 {
			return c
		}
		return cmp.Compare(a.row, b.row)
	})
	s.kept = slices.Insert(s.kept, at, f)
}

// scale is the power of two above every activation seen, the upper end of bins.
type scale struct{ top float32 }

// bin is the place of v among n bins of [0, top), v < top.
func (s scale) bin(v float32, n int) int { return min(int(v/s.top*float32(n)), n-1) }

// covers says whether v lies below the upper end.
func (s scale) covers(v float32) bool { return v < s.top }

// above is the power of two above v.
func above(v float32) float32 {
	_, exp := math.Frexp(float64(v))
	return float32(math.Ldexp(1, exp))
}
