package raster

// Pyramid is a growing series that can be drawn at any width in time that
// depends on the width: level i keeps the least and largest of every 4^i values.
// The zero value is empty.
type Pyramid struct {
	n      int
	levels [][]Range
}

// factor is how many entries of a level make one of the next.
const factor = 4

// Append adds a value; values that are not finite are left out.
func (p *Pyramid) Append(v float64) {
	if !finite(v) {
		return
	}
	for i, width := 0, 1; i == 0 || len(p.levels[i-1]) > factor; i, width = i+1, width*factor {
		if i == len(p.levels) {
			p.levels = append(p.levels, p.seed(i))
			if i > 0 {
				continue // the level below has v already
			}
		}
		l := p.levels[i]
		if k := p.n / width; k < len(l) {
			l[k] = Range{min(l[k].Lo, v), max(l[k].Hi, v)}
		} else {
			p.levels[i] = append(l, Range{v, v})
		}
	}
	p.n++
}

// seed makes level i out of what level i−1 holds.
func (p *Pyramid) seed(i int) []Range {
	if i == 0 {
		return nil
	}
	below := p.levels[i-1]
	var out []Range
	for k := 0; k < len(below); k += factor {
		r := below[k]
		for _, o := range below[k:min(k+factor, len(below))] {
			r = Range{min(r.Lo, o.Lo), max(r.Hi, o.Hi)}
		}
		out = append(out, r)
	}
	return out
}

// Len is the number of values.
func (p *Pyramid) Len() int { return p.n }

// Last is the newest value; ok is false when there is none.
func (p *Pyramid) Last() (v float64, ok bool) {
	if p.n == 0 {
		return 0, false
	}
	return p.levels[0][p.n-1].Lo, true
}

// Spans returns the series as at most 4·w ranges in order, for drawing w columns.
func (p *Pyramid) Spans(w int) []Range {
	for _, l := range p.levels {
		if len(l) <= factor*max(w, 1) {
			return l
		}
	}
	if len(p.levels) == 0 {
		return nil
	}
	return p.levels[len(p.levels)-1]
}

// Values returns the series as at most 8·w values whose line looks as that of all
// of them: the least and the largest of every span, or the values themselves when
// they are few.
func (p *Pyramid) Values(w int) []float64 {
	spans := p.Spans(w)
	out := make([]float64, 0, 2*len(spans))
	for i, s := range spans {
		if len(spans) == p.n {
			out = append(out, s.Lo)
			continue
		}
		a, b := s.Lo, s.Hi
		if i%2 == 1 {
			a, b = b, a
		}
		out = append(out, a, b)
	}
	return out
}
