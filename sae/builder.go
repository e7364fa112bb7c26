package sae

// Builder collects rows of Codes one entry at a time. Several goroutines each
// fill their own for a span of rows; the spans are then joined in order. It is
// reusable after Reset.
type Builder struct {
	index []uint32 // the row under way
	value []float32
	rows  Codes    // the finished ones
	bits  []uint32 // scratch of KeepLargest
}

// Reset empties b and keeps its memory.
func (b *Builder) Reset() {
	b.index, b.value = b.index[:0], b.value[:0]
	b.rows.Reset()
}

// Add appends an entry to the row under way; i must be above the row's last.
func (b *Builder) Add(i int, v float32) {
	b.index = append(b.index, uint32(i))
	b.value = append(b.value, v)
}

// EndRow finishes the row under way.
func (b *Builder) EndRow() {
	b.rows.Append(b.index, b.value)
	b.index, b.value = b.index[:0], b.value[:0]
}

// AppendTo appends the finished rows to dst.
func (b *Builder) AppendTo(dst *Codes) {
	for i := range b.rows.N {
		dst.Append(b.rows.Row(i))
	}
}
