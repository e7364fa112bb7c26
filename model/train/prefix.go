package train

import (
	"context"

	"agar/model"
)

// prefix keeps what enters the first trained block, for as many examples as there
// is room for: nothing below it changes while training goes on.
type prefix struct {
	m     *model.Model
	first int
	room  *int64 // bytes left
	kept  map[int][]float32
}

func newPrefix(m *model.Model, first int, room *int64) *prefix {
	return &prefix{m: m, first: first, room: room, kept: map[int][]float32{}}
}

// resid gives what enters the first trained block for examples ids of data, one
// after the other, [tokens, DModel]; nil when that is the embedding.
func (p *prefix) resid(ctx context.Context, data []Example, ids []int) ([]float32, error) {
	if p.first == 0 {
		return nil, nil
	}
	var missing []int
	var seqs [][]int32
	for _, i := range ids {
		if p.kept[i] == nil {
			missing, seqs = append(missing, i), append(seqs, data[i].IDs)
		}
	}
	fresh := map[int][]float32{}
	if len(seqs) > 0 {
		res, err := p.m.Forward(ctx, &model.Request{Seqs: seqs, To: p.first, Training: true})
		if err != nil {
			return nil, err
		}
		x := res.Resid
		for k, i := range missing {
			n := len(seqs[k]) * p.m.Spec.DModel
			fresh[i], x = x[:n:n], x[n:]
		}
	}
	var out []float32
	for _, i := range ids {
		if x := p.kept[i]; x != nil {
			out = append(out, x...)
			continue
		}
		out = append(out, fresh[i]...)
		p.keep(i, fresh[i])
	}
	return out, nil
}

// keep keeps a copy, so that the rest of its batch can go.
func (p *prefix) keep(i int, x []float32) {
	if size := 4 * int64(len(x)); size <= *p.room && p.kept[i] == nil {
		*p.room -= size
		p.kept[i] = append([]float32(nil), x...)
	}
}
