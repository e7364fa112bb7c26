package phase

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"agar/model"
	"agar/model/stats"
)

// sweep is fixed tokens that many states of one model read: what comes before the
// first adapted block is computed once, and so is what the base makes of them.
type sweep struct {
	m      *model.Model
	parts  [][]window
	first  int         // block that states may differ from on
	enter  [][]float32 // [part] the residual entering it; nil when it is the first
	rows   [][]int     // [part] the rows whose next token counts
	target []int32     // the next token of each of them, all parts
	of     []string    // the document of each of them
	window []int       // the window of each of them
	base   []float32   // [len(target), DModel] the base's residual leaving the last block; nil until it is asked for
}

// newSweep runs the shared blocks over the windows. Rows are those whose next token
// counts.
func newSweep(ctx context.Context, m *model.Model, ws []window, first int) (*sweep, error) {
	s := &sweep{m: m, parts: batches(ws), first: first}
	n := 0
	for _, part := range s.parts {
		var rows []int
		row := 0
		for _, w := range part {
			for i := range w.ids {
				if i+1 < len(w.ids) && w.count[i+1] {
					rows = append(rows, row+i)
					s.target, s.of, s.window = append(s.target, w.ids[i+1]), append(s.of, strconv.Itoa(int(w.doc))), append(s.window, n)
				}
			}
			row, n = row+len(w.ids), n+1
		}
		s.rows = append(s.rows, rows)
		var enter []float32
		if first > 0 {
			r, err := m.Forward(ctx, &model.Request{Seqs: idsOf(part), To: first})
			if err != nil {
				return nil, err
			}
			enter = r.Resid
		}
		s.enter = append(s.enter, enter)
	}
	if len(s.target) == 0 {
		return nil, fmt.Errorf("found no token that counts behind another")
	}
	return s, nil
}

// baseEnds is what ends gives of the base, computed once.
func (s *sweep) baseEnds(ctx context.Context) ([]float32, error) {
	if s.base != nil {
		return s.base, nil
	}
	var err error
	s.base, err = s.ends(ctx, nil, 0)
	return s.base, err
}

// ends is the residual [len(target), DModel] that leaves the last block with an
// adapter (nil: the base) at a dial.
func (s *sweep) ends(ctx context.Context, a *model.Adapter, lambda float64) ([]float32, error) {
	d := s.m.Spec.DModel
	out := make([]float32, 0, len(s.target)*d)
	for p, part := range s.parts {
		x := s.enter[p]
		if s.first < s.m.Spec.Layers || x == nil {
			r, err := s.m.Forward(ctx, &model.Request{Seqs: idsOf(part), Resid: x, From: s.first, To: s.m.Spec.Layers, Adapter: a, Lambda: float32(lambda)})
			if err != nil {
				return nil, err
			}
			x = r.Resid
		}
		for _, i := range s.rows[p] {
			out = append(out, x[i*d:(i+1)*d]...)
		}
	}
	return out, nil
}

// compare compares a state with the base at every row.
func (s *sweep) compare(ctx context.Context, a *model.Adapter, lambda float64) (model.Compared, error) {
	base, err := s.baseEnds(ctx)
	if err != nil {
		return model.Compared{}, err
	}
	end, err := s.ends(ctx, a, lambda)
	if err != nil {
		return model.Compared{}, err
	}
	return s.m.Compare(ctx, end, base, s.target, a, float32(lambda))
}

// loss is −log p of every counted token under a state (nil: the base), in nats.
func (s *sweep) loss(ctx context.Context, a *model.Adapter, lambda float64) ([]float32, error) {
	if lambda == 0 {
		a = nil
	}
	var end []float32
	var err error
	if a == nil {
		end, err = s.baseEnds(ctx)
	} else {
		end, err = s.ends(ctx, a, lambda)
	}
	if err != nil {
		return nil, err
	}
	return s.m.EndLoss(ctx, end, s.target, a, float32(lambda))
}

// mean is the mean over rows with the interval over documents.
func (s *sweep) mean(x []float32) Interval {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	m := stats.ClusterMean(y, s.of)
	return Interval{Number(m.Value), Number(m.Lo), Number(m.Hi)}
}

// meanOf is the plain mean.
func meanOf(x []float32) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}
