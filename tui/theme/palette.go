package theme

// swatch is a colour with its stand-in among the 16 basic ones (−1: the
// terminal's default text colour).
type swatch struct {
	rgb  uint32
	ansi int
}

// palette is a theme as data.
type palette struct {
	fg, dim, title, accent, pos, neg, warn, border, focus, cursor swatch
	// heat runs from faint to strong; steps in between are interpolated.
	heat []uint32
	// basic are the backgrounds of the four steps that 16 colours allow, the
	// first being none.
	basic  [4]int
	series [8]swatch
}

var viridis = []uint32{0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725}

var palettes = map[string]palette{
	"viridis-dark": {
		fg: swatch{0xd8dee4, -1}, dim: swatch{0x96a0aa, -1}, title: swatch{0xf4f6f8, 15},
		accent: swatch{0x5fd0c5, 14}, pos: swatch{0x5fd0c5, 14}, neg: swatch{0xf4ab5c, 11},
		warn: swatch{0xf7d54a, 11}, border: swatch{0x5a6672, -1}, focus: swatch{0x7fc8ee, 12}, cursor: swatch{0xf7d54a, 11},
		heat: viridis, basic: [4]int{-1, 4, 6, 3},
		series: [8]swatch{{0x7fc8ee, 12}, {0xf4ab5c, 11}, {0x5fd0c5, 14}, {0xc9a5f0, 13}, {0xb5de2b, 10}, {0xf08fb0, 9}, {0xd8dee4, 15}, {0x96a0aa, 7}},
	},
	"viridis-light": {
		fg: swatch{0x1b2229, -1}, dim: swatch{0x56606a, -1}, title: swatch{0x000000, -1},
		accent: swatch{0x0b6b63, 6}, pos: swatch{0x0b6b63, 6}, neg: swatch{0x9a4a00, 1},
		warn: swatch{0x7d5200, 1}, border: swatch{0x9aa4ae, -1}, focus: swatch{0x1f5f8f, 4}, cursor: swatch{0x7b2d8b, 5},
		heat: reversed(viridis[1:]), basic: [4]int{-1, 3, 6, 4},
		series: [8]swatch{{0x1f5f8f, 4}, {0x9a4a00, 1}, {0x0b6b63, 6}, {0x7b2d8b, 5}, {0x4a6b00, 2}, {0x9b1f4f, 1}, {0x1b2229, -1}, {0x56606a, -1}},
	},
	"high-contrast": {
		fg: swatch{0xffffff, 15}, dim: swatch{0xd0d0d0, 7}, title: swatch{0xffffff, 15},
		accent: swatch{0x00ffff, 14}, pos: swatch{0x00ffff, 14}, neg: swatch{0xffd700, 11},
		warn: swatch{0xffff00, 11}, border: swatch{0xc0c0c0, 7}, focus: swatch{0xffff00, 11}, cursor: swatch{0xffff00, 11},
		heat: []uint32{0x1a1a6e, 0x6e1a8a, 0xb83280, 0xe8663c, 0xffb000, 0xffff70}, basic: [4]int{-1, 4, 5, 11},
		series: [8]swatch{{0x00ffff, 14}, {0xffd700, 11}, {0xffffff, 15}, {0xff9cff, 13}, {0x80ff80, 10}, {0xffb090, 9}, {0xa0c8ff, 12}, {0xd0d0d0, 7}},
	},
	"mono": {
		fg: swatch{0xd8d8d8, -1}, dim: swatch{0xa0a0a0, -1}, title: swatch{0xffffff, 15},
		accent: swatch{0xffffff, 15}, pos: swatch{0xf0f0f0, 15}, neg: swatch{0xb4b4b4, -1},
		warn: swatch{0xffffff, 15}, border: swatch{0x6c6c6c, -1}, focus: swatch{0xffffff, 15}, cursor: swatch{0xffffff, 15},
		heat: []uint32{0x262626, 0x505050, 0x7a7a7a, 0xa8a8a8, 0xd4d4d4, 0xffffff}, basic: [4]int{-1, 8, 7, 15},
		series: [8]swatch{{0xffffff, 15}, {0xb4b4b4, 7}, {0xe0e0e0, 15}, {0xa0a0a0, 7}, {0xffffff, 15}, {0xb4b4b4, 7}, {0xe0e0e0, 15}, {0xa0a0a0, 7}},
	},
	"deuter": {
		fg: swatch{0xdcdcdc, -1}, dim: swatch{0x9c9c9c, -1}, title: swatch{0xffffff, 15},
		accent: swatch{0x6cb8f0, 12}, pos: swatch{0x6cb8f0, 12}, neg: swatch{0xf0a030, 11},
		warn: swatch{0xf5e050, 11}, border: swatch{0x646464, -1}, focus: swatch{0x6cb8f0, 12}, cursor: swatch{0xf5e050, 11},
		heat: []uint32{0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838}, basic: [4]int{-1, 4, 7, 11},
		series: [8]swatch{{0x6cb8f0, 12}, {0xf0a030, 11}, {0xdcdcdc, 15}, {0xf5e050, 11}, {0x9cd0ff, 12}, {0xd89050, 11}, {0xffffff, 15}, {0x9c9c9c, 7}},
	},
}

func reversed(s []uint32) []uint32 {
	out := make([]uint32, len(s))
	for i, v := range s {
		out[len(s)-1-i] = v
	}
	return out
}
