package model

// proj names a linear layer of a block, in the order of computation.
type proj uint8

const (
	projQ proj = iota
	projK
	projV
	projO
	projGate
	projUp
	projDown
	nProjs
)

// projPath is the module path of a projection inside its block, which hook
// names and PEFT's keys share.
var projPath = [nProjs]string{
	"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
}

// String is the module path inside the block.
func (p proj) String() string { return projPath[p] }
