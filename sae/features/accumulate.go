package features

// summary is what the pass gathers about one feature.
type summary struct {
	n    int64 // firings
	sum  float64
	max  float32
	end  scale // of the bins below
	hist [histBins]uint32
	bins *[sampleBins]lowest // nil until the first firing

	top    strongest
	random lowest
}

// add takes in the firings of a block.
func (s *summary) add(id int, l list, o *BuildOptions) {
	if len(l.entries) == 0 {
		return
	}
	if s.bins == nil {
		s.bins = new([sampleBins]lowest)
	}
	best := 0 // strongest firing of the window under way
	for e, x := range l.entries {
		s.count(x.value, o.PerInterval)
		s.draw(id, l, e, o)
		if l.b.window[x.row] != l.b.window[l.entries[best].row] {
			s.offer(l, best, o.Top)
			best = e
		} else if x.value > l.entries[best].value {
			best = e
		}
	}
	s.offer(l, best, o.Top)
}

// offer hands the strongest firing of a window to the top examples.
func (s *summary) offer(l list, e, top int) {
	if s.top.wants(l.entries[e].value, top) {
		s.top.add(l, e, top)
	}
}

// count updates the figures and the histogram.
func (s *summary) count(v float32, perInterval int) {
	s.n++
	s.sum += float64(v)
	s.max = max(s.max, v)
	if s.end.top == 0 {
		s.end.top = above(v)
	}
	for !s.end.covers(v) {
		s.double(perInterval)
	}
	s.hist[s.end.bin(v, histBins)]++
}

// double merges bins in pairs, which then reach twice as far.
func (s *summary) double(perInterval int) {
	s.end.top *= 2
	for i := range histBins / 2 {
		s.hist[i] = s.hist[2*i] + s.hist[2*i+1]
	}
	clear(s.hist[histBins/2:])
	for i := range sampleBins / 2 {
		merged := s.bins[2*i]
		merged.merge(s.bins[2*i+1], perInterval)
		s.bins[2*i], s.bins[2*i+1] = lowest{}, lowest{}
		s.bins[i] = merged
	}
}

// draw offers a firing to the random examples.
func (s *summary) draw(id int, l list, e int, o *BuildOptions) {
	row := l.b.first + int64(l.entries[e].row)
	if p := priority(o.Seed, forRandom, id, row); s.random.wants(p, o.Random) {
		s.random.add(l, e, p, o.Random)
	}
	bin := &s.bins[s.end.bin(l.entries[e].value, sampleBins)]
	if p := priority(o.Seed, forInterval, id, row); bin.wants(p, o.PerInterval) {
		bin.add(l, e, p, o.PerInterval)
	}
}

// interval returns the examples of the i-th tenth of [0, max], which holds its
// lower end and, the last one, its upper.
func (s *summary) interval(i, n int) []firing {
	lo, hi := s.max*float32(i)/intervals, s.max*float32(i+1)/intervals
	var in lowest
	for b := s.end.bin(lo, sampleBins); s.bins != nil && b < sampleBins; b++ {
		for _, f := range s.bins[b].kept {
			if f.value >= lo && (f.value < hi || i == intervals-1) {
				in.insert(f)
			}
		}
	}
	return in.kept[:min(len(in.kept), n)]
}
