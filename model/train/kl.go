package train

import (
	"context"

	"agar/model"
)

// regularise adds the gradient of KLWeight·KL(base‖model) on a batch of KLData to
// the gradients, and returns the KL in nats a token: KLWeight times the mean over
// all tokens of Σ p_base (log p_base − log p_model). With the normalisation
// "turner" the weight is divided by the size of the vocabulary (2506.11613's code
// averages over it too).
func (t *trainer) regularise(ctx context.Context, step int) (float64, error) {
	c := &t.c
	data := t.kl.batches(step, len(t.klData))[0]
	r := model.BackwardRequest{Request: model.Request{Seqs: seqsOf(t.klData, data)}}
	rows := 0
	for _, s := range r.Seqs {
		rows += len(s)
	}
	var err error
	if r.Resid, err = t.klPre.resid(ctx, t.klData, data); err != nil {
		return 0, err
	}
	if r.Resid != nil {
		r.From = t.klPre.first
	}
	base, err := t.m.Forward(ctx, &model.Request{Seqs: r.Seqs, Resid: r.Resid, From: r.From, To: t.m.Spec.Layers, Training: true})
	if err != nil {
		return 0, err
	}
	for i := range rows {
		r.Targets = append(r.Targets, i)
	}
	d, vocab := t.m.Spec.DModel, t.m.Spec.Vocab
	weight := c.KLWeight
	if c.KLNormalisation == "turner" {
		weight /= float64(vocab)
	}
	r.Loss = func(logits []float32, at int) (float64, error) {
		n := len(logits) / vocab
		ref := t.m.TrainingUnembed(base.Resid[at*d:(at+n)*d], n)
		return model.KLGradient(logits, ref, vocab, float32(weight/float64(rows))), nil
	}
	t.s.request(&r)
	g, err := t.m.Backward(ctx, &r)
	if err != nil {
		return 0, err
	}
	t.s.take(g)
	return g.Loss / weight, nil
}

func seqsOf(data []Example, ids []int) [][]int32 {
	out := make([][]int32, len(ids))
	for k, i := range ids {
		out[k] = data[i].IDs
	}
	return out
}
