package activations

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"agar/model"
)

// Shuffled hands out the rows of a hook that f keeps once, in an order that seed
// decides, token by token. Nothing is rewritten: rows are fetched where they lie.
//
// While the hook fits into half of the memory, every order of the rows is
// equally likely. Beyond, where single rows would each cost a read of the disk,
// blocks of some MiB are drawn in random order and the rows of a group of blocks
// are mixed, so that a disk is read in long stretches.
//
// The order depends on seed, the rows kept and, for a hook beyond that size, the
// memory of the machine (see ShuffleWithin). The source is a Seeker and a Lefter.
func (s *Store) Shuffled(hook string, f Filter, seed uint64) (Source, error) {
	return s.ShuffleWithin(hook, f, seed, shuffleBudget())
}

// ShuffleWithin is Shuffled with a given number of bytes that may be held in
// memory at a time, for an order that is the same on every machine.
func (s *Store) ShuffleWithin(hook string, f Filter, seed uint64, budget int64) (Source, error) {
	h, err := s.hook(hook)
	if err != nil {
		return nil, err
	}
	mask, left, err := s.Kept(hook, f)
	if err != nil {
		return nil, err
	}
	q := newShuffled(h, newSelection(mask), seed, budget)
	q.left = left
	return q, nil
}

// shuffleBudget is half of the memory, or 4 GiB where that is not known.
func shuffleBudget() int64 {
	if total, _ := model.SystemMemory(); total > 0 {
		return total / 2
	}
	return 4 << 30
}

// shuffled hands out a selection of rows group by group; rows of a group are
// mixed. One group of all blocks is a plain shuffle.
type shuffled struct {
	m      matrix
	sel    *selection
	left   LeftOut
	seed   uint64
	block  int64     // rows of a block
	blocks [][]int64 // blocks of each group
	starts []int64   // rows handed out before each group; the last is the end
	group  int       // whose rows are in order, -1 for none
	order  []uint32
	next   int // in order
}

// blockBytes is how much of a disk is read in one stretch: at 1 GB/s it takes
// 8 ms, a seek of a spinning disk.
const blockBytes = 8 << 20

func newShuffled(m matrix, sel *selection, seed uint64, budget int64) *shuffled {
	q := &shuffled{m: m, sel: sel, seed: seed, group: -1}
	rowBytes := int64(m.rowBytes())
	if m.len()*rowBytes <= budget {
		q.block = max(m.len(), 1)
	} else {
		// An eighth of the budget a group leaves the page cache room for the
		// next one's read-ahead.
		q.block = max(1, min(blockBytes, budget/8)/rowBytes)
	}
	perGroup := max(1, int(budget/8/(q.block*rowBytes)))
	ids := make([]int64, (m.len()+q.block-1)/q.block)
	for i := range ids {
		ids[i] = int64(i)
	}
	r := q.rng(0)
	r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	q.blocks = slices.Collect(slices.Chunk(ids, perGroup))
	q.starts = make([]int64, 1, len(q.blocks)+1)
	for _, g := range q.blocks {
		n := q.starts[len(q.starts)-1]
		for _, b := range g {
			n += q.kept(b)
		}
		q.starts = append(q.starts, n)
	}
	return q
}

// rng is the generator of one purpose: 0 orders the blocks, g+1 the rows of
// group g.
func (q *shuffled) rng(purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(q.seed, purpose)) }

// rowsOf is the range of rows in a block.
func (q *shuffled) rowsOf(block int64) (from, to int64) {
	return block * q.block, min((block+1)*q.block, q.m.len())
}

// kept counts the rows of a block that the selection has.
func (q *shuffled) kept(block int64) int64 {
	from, to := q.rowsOf(block)
	if q.sel.mask == nil {
		return to - from
	}
	n := int64(0)
	for _, keep := range q.sel.mask[from:to] {
		if keep {
			n++
		}
	}
	return n
}

// enter mixes the rows of a group. Blocks are read in the order of the disk
// first, when there is more than one group, so that fetching single rows finds
// them in memory.
func (q *shuffled) enter(g int) {
	q.group, q.order, q.next = g, q.order[:0], 0
	ids := slices.Sorted(slices.Values(q.blocks[g]))
	for _, b := range ids {
		from, to := q.rowsOf(b)
		q.order = q.sel.appendRows(q.order, from, to)
		if len(q.blocks) > 1 {
			q.m.touch(from, to)
		}
	}
	q.rng(uint64(g)+1).Shuffle(len(q.order), func(i, j int) { q.order[i], q.order[j] = q.order[j], q.order[i] })
}

func (q *shuffled) Dim() int      { return q.m.dim() }
func (q *shuffled) Len() int64    { return q.sel.n }
func (q *shuffled) Left() LeftOut { return q.left }

func (q *shuffled) SeekRow(row int64) error {
	if row < 0 || row > q.sel.n {
		return fmt.Errorf("activations: seek to row %d of %d", row, q.sel.n)
	}
	g := 0
	for g < len(q.blocks) && q.starts[g+1] <= row {
		g++
	}
	if g == len(q.blocks) { // the end
		q.group, q.order, q.next = g, q.order[:0], 0
		return nil
	}
	if g != q.group {
		q.enter(g)
	}
	q.next = int(row - q.starts[g])
	return nil
}

func (q *shuffled) Next(ctx context.Context, dst *Rows, max int) error {
	dst.N = 0
	if err := checkNext(ctx, max); err != nil {
		return err
	}
	for q.next == len(q.order) {
		if q.group+1 >= len(q.blocks) {
			return io.EOF
		}
		q.enter(q.group + 1)
	}
	n := min(max, len(q.order)-q.next)
	idx := q.order[q.next : q.next+n]
	q.next += n
	return q.m.gather(dst, idx)
}
