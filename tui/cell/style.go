package cell

import "strconv"

// Color is a colour as a terminal understands it. The zero value is the
// terminal's own default.
type Color uint32

const (
	kindIndexed Color = 1 << 24
	kindRGB     Color = 2 << 24
)

// Indexed is colour i of the terminal's palette: 0–15 the basic ones, up to 255
// where 256 colours are supported.
func Indexed(i uint8) Color { return kindIndexed | Color(i) }

// RGB is a 24-bit colour.
func RGB(r, g, b uint8) Color {
	return kindRGB | Color(r)<<16 | Color(g)<<8 | Color(b)
}

// Components returns red, green and blue of an RGB colour; ok is false for other
// kinds.
func (c Color) Components() (r, g, b uint8, ok bool) {
	return uint8(c >> 16), uint8(c >> 8), uint8(c), c&kindRGB != 0
}

// Attr is a set of text attributes.
type Attr uint8

// Text attributes.
const (
	Bold Attr = 1 << iota
	Faint
	Underline
	Reverse
)

// Style is how a cell looks. The zero value is plain text.
type Style struct {
	FG, BG Color
	Attr   Attr
}

// With adds attributes.
func (s Style) With(a Attr) Style {
	s.Attr |= a
	return s
}

// On sets the background.
func (s Style) On(bg Color) Style {
	s.BG = bg
	return s
}

// appendSGR appends the escape sequence that switches from plain text to s.
func (s Style) appendSGR(b []byte) []byte {
	b = append(b, "\x1b[0"...)
	for i, code := range [...]byte{'1', '2', '4', '7'} {
		if s.Attr&(1<<i) != 0 {
			b = append(b, ';', code)
		}
	}
	b = s.FG.appendSGR(b, 30)
	b = s.BG.appendSGR(b, 40)
	return append(b, 'm')
}

// appendSGR appends the parameters of c; base is 30 for text, 40 for background.
func (c Color) appendSGR(b []byte, base int) []byte {
	num := func(b []byte, n int) []byte { return strconv.AppendInt(append(b, ';'), int64(n), 10) }
	switch i := int(c & 0xff); {
	case c&kindRGB != 0:
		b = num(num(b, base+8), 2)
		return num(num(num(b, int(c>>16&0xff)), int(c>>8&0xff)), i)
	case c&kindIndexed == 0:
		return b
	case i < 8:
		return num(b, base+i)
	case i < 16:
		return num(b, base+60+i-8)
	default:
		return num(num(num(b, base+8), 5), i)
	}
}
