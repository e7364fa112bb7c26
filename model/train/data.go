package train

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"agar/model"
	"agar/model/chat"
)

// Example is one sequence. Targets are the positions whose next token is learnt,
// rising; the last position has no next token.
type Example struct {
	IDs     []int32
	Targets []int
}

// Responses makes an example of templated chat: what is learnt are the tokens of the
// assistant's messages, and the first token of the template behind each, which ends
// the turn.
func Responses(ids []int32, roles []uint8) Example {
	e := Example{IDs: ids}
	for i := 1; i < len(ids); i++ {
		if roles[i] == chat.RoleAssistant || roles[i] == chat.RoleTemplate && roles[i-1] == chat.RoleAssistant {
			e.Targets = append(e.Targets, i-1)
		}
	}
	return e
}

// Text makes an example of which every token after the first is learnt.
func Text(ids []int32) Example {
	e := Example{IDs: ids}
	for i := range max(len(ids)-1, 0) {
		e.Targets = append(e.Targets, i)
	}
	return e
}

// cut shortens an example to n tokens.
func (e Example) cut(n int) Example {
	if len(e.IDs) <= n {
		return e
	}
	k := 0
	for k < len(e.Targets) && e.Targets[k] < n-1 {
		k++
	}
	return Example{e.IDs[:n], e.Targets[:k]}
}

// prepare cuts examples and refuses data from which nothing can be learnt.
func prepare(data []Example, maxLength int) ([]Example, error) {
	out := make([]Example, len(data))
	n := 0
	for i, e := range data {
		out[i] = e.cut(maxLength)
		if len(out[i].IDs) == 0 {
			return nil, fmt.Errorf("train: example %d is empty", i)
		}
		n += len(out[i].Targets)
	}
	if n == 0 {
		return nil, fmt.Errorf("train: found %d examples without a token to learn, expected at least one", len(data))
	}
	return out, nil
}

// upToTargets leaves out the tokens behind the last target, which no loss depends on.
func upToTargets(data []Example) []Example {
	out := make([]Example, len(data))
	for i, e := range data {
		n := 1
		if k := len(e.Targets); k > 0 {
			n = e.Targets[k-1] + 1
		}
		out[i] = Example{IDs: e.IDs[:n], Targets: e.Targets}
	}
	return out
}

// lengthMatters tells whether the numbers of a token depend on tokens behind it:
// the angles of some rotary embeddings depend on the length of the sequence.
func lengthMatters(s *model.Spec) bool {
	return slices.ContainsFunc(s.Ropes, func(r model.Rope) bool { return r.Scaling.Type == "dynamic" || r.Scaling.Type == "longrope" })
}

// order is the order in which an epoch goes through n examples.
func (c *Config) order(n, epoch int) []int {
	if c.InOrder {
		out := make([]int, n)
		for i := range out {
			out[i] = i
		}
		return out
	}
	return rand.New(rand.NewPCG(c.Seed, uint64(epoch)+1)).Perm(n)
}

// perEpoch is the steps of an epoch over n examples, the last one short.
func (c *Config) perEpoch(n int) int {
	size := c.Batch * c.Accumulate
	return (n + size - 1) / size
}

// steps is the number of optimiser steps over n examples.
func (c *Config) steps(n int) int {
	if c.Steps > 0 {
		return c.Steps
	}
	return max(int(c.Epochs*float64(c.perEpoch(n))+0.5), 1)
}

// batches gives the examples of a step, counted from 1, in batches.
func (c *Config) batches(step, n int) [][]int {
	per := c.perEpoch(n)
	epoch, at := (step-1)/per, (step-1)%per
	size := c.Batch * c.Accumulate
	all := c.order(n, epoch)[at*size : min((at+1)*size, n)]
	var out [][]int
	for len(all) > 0 {
		k := min(c.Batch, len(all))
		out = append(out, all[:k])
		all = all[k:]
	}
	return out
}
