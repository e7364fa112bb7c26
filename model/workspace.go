package model

import (
	"sync"

	"agar/model/tensor"
)

// groupRows bounds the rows that go through the blocks together: sequences are
// taken in order until they have so many tokens (a longer one goes alone), so
// that the workspace stays bounded whatever the batch. Inside a block the MLP
// runs at most so many rows at a time even for a long sequence. Neither changes
// a number.
const groupRows = 1024

// trainingRows is groupRows of a training call, which is longer: there weights are packed
// for every group.
const trainingRows = 2048

// groupRows is the bound for this call.
func (r *Request) groupRows() int {
	if r.Training {
		return trainingRows
	}
	return groupRows
}

// logitRows is how many rows of logits are computed at a time when they are not
// kept.
const logitRows = 128

// workspace is the buffers of one group, reused from call to call.
type workspace struct {
	resid     []float32 // [rows, DModel]
	norm      []float32 // [groupRows, DModel]
	att, out  []float32 // [groupRows, DModel], what attention and MLP add
	q         []float32 // [rows, Heads·DHead], then what attention reads out
	k, v      []float32 // [rows, KVHeads·DHead]
	gate, up  []float32 // [groupRows, DMLP]
	scores    []float32 // [groupRows, Experts]
	routed    []float32 // [groupRows, DModel], the rows of one expert
	routes    routes
	inner     []float32 // [groupRows, rank]
	columns   []float32 // [groupRows, rank] of one adapter among several
	delta     []float32 // [groupRows, widest output of an adapted module]
	other     []float32 // the same, of a weight trained in full
	sum       []float32 // the same, of several adapters
	ids       []int32   // [groupRows]
	last      []float32 // [sequences, DModel]
	logits    []float32 // [logitRows, Vocab], when streamed
	pattern   []float32 // [queryChunk, Heads, keys], when hooks of attention are tapped
	tasks     []attnTask
	perWorker sync.Pool // *attnScratch
}

// workspaceBytes is the size of a workspace for so many rows without adapter,
// and of the attention's scratch on two threads. An MLP without a gate has one
// hidden layer; a mixture has the rows of one expert, and what routes them, besides.
func workspaceBytes(s *Spec, rows int) int64 {
	perRow := 4*s.DModel + s.Heads*s.DHead + 2*s.KVHeads*s.DHead
	hidden, moe := 0, false
	for l := range s.Blocks {
		width := s.DMLP
		if s.Blocks[l].MoE {
			width, moe = s.DExpert, true
		}
		if s.Gated {
			width *= 2
		}
		hidden = max(hidden, width)
	}
	perRow += hidden
	if moe {
		perRow += s.DModel + s.Experts + 2*s.TopExperts
	}
	return 4*int64(rows)*int64(perRow) + 2*4*scoreLimit
}

// buf gives a slice of length n in *p, which grows as needed; its content is
// undefined.
func buf[T float32 | int32](p *[]T, n int) []T {
	if cap(*p) < n {
		*p = make([]T, n)
	}
	return (*p)[:n]
}

// rowsPerTask is how many rows a goroutine takes at a time in elementwise work.
const rowsPerTask = 16

// eachRows splits rows [0, n) among goroutines; few rows stay on the caller's.
func eachRows(n int, f func(lo, hi int)) {
	if n <= rowsPerTask {
		f(0, n)
		return
	}
	tensor.Parallel((n+rowsPerTask-1)/rowsPerTask, func(i int) {
		f(i*rowsPerTask, min((i+1)*rowsPerTask, n))
	})
}
