package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// Item is one entry of the dictionary that Write writes.
type Item struct {
	Key   string
	Value any // []float32, a vector; int or float64
}

// Write writes a dictionary as torch.save does: a zip archive whose records are
// stored as they are, with a pickle of protocol 2 that names no class but tensors'.
// torch.load takes it, with weights_only too. name is that of the folder inside the
// archive, which torch makes the file's name without its ending. The same items give
// the same bytes.
func Write(w io.Writer, name string, items []Item) error {
	p := pickler{}
	p.WriteString("\x80\x02}(") // protocol 2, an empty dictionary, a mark
	for _, it := range items {
		p.text(it.Key)
		if err := p.value(it.Value); err != nil {
			return fmt.Errorf("torchfile: key %q: %w", it.Key, err)
		}
	}
	p.WriteString("u.") // pairs since the mark into the dictionary, stop
	z := zip.NewWriter(w)
	records := []record{{pickleName, p.Bytes()}, {"byteorder", []byte("little")}}
	for i, s := range p.storages {
		records = append(records, record{fmt.Sprintf("data/%d", i), s})
	}
	for _, r := range append(records, record{"version", []byte("3\n")}) {
		if err := r.write(z, name); err != nil {
			return fmt.Errorf("torchfile: record %s: %w", r.name, err)
		}
	}
	return z.Close()
}

// record is one file of an archive.
type record struct {
	name string
	data []byte
}

// write stores r in a folder of the archive, without a date.
func (r *record) write(z *zip.Writer, folder string) error {
	n := uint64(len(r.data))
	f, err := z.CreateRaw(&zip.FileHeader{Name: folder + "/" + r.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(r.data), CompressedSize64: n, UncompressedSize64: n})
	if err == nil {
		_, err = f.Write(r.data)
	}
	return err
}

// pickler writes instructions of the pickle machine.
type pickler struct {
	bytes.Buffer
	storages [][]byte
}

// text is BINUNICODE.
func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

// number is BININT; n fits 32 bits.
func (p *pickler) number(n int) {
	p.WriteByte('J')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(int32(n))))
}

func (p *pickler) value(v any) error {
	switch v := v.(type) {
	case []float32:
		if len(v) > math.MaxInt32 {
			return fmt.Errorf("found %d numbers, expected at most %d", len(v), math.MaxInt32)
		}
		p.vector(v)
	case int:
		if int(int32(v)) != v {
			return fmt.Errorf("found %d, expected a number of 32 bits", v)
		}
		p.number(v)
	case float64:
		p.WriteByte('G')
		p.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	default:
		return fmt.Errorf("found %T, expected []float32, int or float64", v)
	}
	return nil
}

// vector is _rebuild_tensor_v2(storage, 0, (n,), (1,), False, OrderedDict()).
func (p *pickler) vector(v []float32) {
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\nFloatStorage\n")
	p.text(fmt.Sprint(len(p.storages)))
	p.text("cpu")
	p.number(len(v))
	p.WriteString("tQ") // a tuple, the storage it names
	p.number(0)
	p.number(len(v))
	p.WriteByte(0x85) // a tuple of one
	p.number(1)
	p.WriteString("\x85\x89ccollections\nOrderedDict\n)RtR")
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	p.storages = append(p.storages, data)
}
