package model

import "bytes"

// tie settles a tied unembedding as transformers does. Files may hold both tensors,
// as those of torch.save always do: when they are equal they are one, otherwise the
// config is wrong and the model is not tied. A file that holds the unembedding alone
// has it for both.
func (b *binder) tie() error {
	embed, hasEmbed, err := b.src.tensor(b.names.embed)
	if err != nil {
		return err
	}
	head, hasHead, err := b.src.tensor(b.names.unembed)
	if err != nil || !hasHead {
		return err
	}
	if !hasEmbed {
		names := *b.names
		names.embed = names.unembed
		b.names = &names
		return nil
	}
	if embed.dtype == head.dtype && sameBytes(embed.data, head.data) {
		b.used[b.names.unembed] = true
		return nil
	}
	b.spec.TieEmbeddings = false
	return nil
}

// sameBytes compares memory, which is often one and the same.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || bytes.Equal(a, b))
}
