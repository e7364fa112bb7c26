package model

import (
	"fmt"
	"math"

	"agar/model/tensor"
)

// CrossEntropyGradient gives the sum over the rows of logits [n, vocab] of
// scale·(−log softmax(logits)[target]), in nats, and puts its gradient
// scale·(softmax(logits) − onehot(target)) in the place of the logits.
func CrossEntropyGradient(logits []float32, vocab int, targets []int32, scale float32) float64 {
	if len(logits) != len(targets)*vocab {
		panic(fmt.Errorf("%w: CrossEntropyGradient: %d logits, %d targets of %d", tensor.ErrShape, len(logits), len(targets), vocab))
	}
	losses := make([]float64, len(targets))
	tensor.Parallel(len(targets), func(i int) {
		row := logits[i*vocab : (i+1)*vocab]
		at := float64(row[targets[i]])
		top, sum := tensor.Exponentials(row)
		losses[i] = float64(top) + math.Log(sum) - at
		tensor.Scale(row, float32(float64(scale)/sum))
		row[targets[i]] -= scale
	})
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum * float64(scale)
}

// KLGradient gives the sum over rows of scale·KL(p‖softmax(logits)) in nats for
// reference distributions p = softmax(ref), both [n, vocab], and puts its gradient
// scale·(softmax(logits) − p) in the place of the logits. ref is overwritten.
func KLGradient(logits, ref []float32, vocab int, scale float32) float64 {
	if len(logits) != len(ref) || len(logits)%vocab != 0 {
		panic(fmt.Errorf("%w: KLGradient: %d logits, %d of the reference, rows of %d", tensor.ErrShape, len(logits), len(ref), vocab))
	}
	losses := make([]float64, len(logits)/vocab)
	tensor.Parallel(len(losses), func(i int) {
		q, p := logits[i*vocab:(i+1)*vocab], ref[i*vocab:(i+1)*vocab]
		zq, zp := logSumExp(q), logSumExp(p)
		for j := range p {
			logp := float64(p[j]) - zp
			losses[i] += math.Exp(logp) * (logp - float64(q[j]) + zq)
		}
		tensor.Softmax(q)
		tensor.Softmax(p)
		for j := range q {
			q[j] = (q[j] - p[j]) * scale
		}
	})
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum * float64(scale)
}
