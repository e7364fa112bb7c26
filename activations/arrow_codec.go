package activations

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is how the buffers of a record batch are compressed. agar writes
// activations plain; other writers may not.
type codec uint8

const (
	plain codec = iota
	lz4Frame
	zstdFrame
)

// batchCodec reads the compression of a record batch (Message.fbs,
// BodyCompression: codec 0 LZ4 frame, 1 ZSTD; method 0 by buffer).
func batchCodec(rb flatbuffers.Table) (codec, error) {
	c, ok := sub(rb, slot3)
	if !ok {
		return plain, nil
	}
	kind, method := c.GetInt8Slot(slot0, 0), c.GetInt8Slot(slot1, 0)
	if method != 0 || kind < 0 || kind > 1 {
		return plain, fmt.Errorf("found compression %d by method %d, expected LZ4 or ZSTD by buffer", kind, method)
	}
	return lz4Frame + codec(kind), nil
}

// bytes gives the need bytes that src holds: src itself when it is plain, else
// dst (grown if needed) with what src decompresses to. A compressed buffer
// starts with its plain length as int64, -1 when it was left as it is.
func (c codec) bytes(dst, src []byte, need int) ([]byte, error) {
	if need == 0 {
		return nil, nil
	}
	if c == plain {
		return src[:need:need], nil
	}
	if len(src) < 8 {
		return nil, fmt.Errorf("found a compressed buffer of %d bytes, expected at least 8", len(src))
	}
	n, src := int64(binary.LittleEndian.Uint64(src)), src[8:]
	switch {
	case n == -1 && len(src) >= need:
		return src[:need:need], nil
	case n < int64(need):
		return nil, fmt.Errorf("found %d bytes once decompressed, expected %d", n, need)
	}
	r, err := c.reader(src)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	// The buffer grows with what really comes out: need is the file's claim.
	out := bytes.NewBuffer(dst[:0])
	if _, err := io.CopyN(out, r, int64(need)); err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return out.Bytes(), nil
}

func (c codec) reader(src []byte) (io.ReadCloser, error) {
	if c == lz4Frame {
		return io.NopCloser(lz4.NewReader(bytes.NewReader(src))), nil
	}
	d, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return d.IOReadCloser(), nil
}
