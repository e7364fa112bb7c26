package theme

import "math"

// luminance is the relative luminance of WCAG 2.1.
func luminance(rgb uint32) float64 {
	lin := func(v uint32) float64 {
		c := float64(v&0xff) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*lin(rgb>>16) + .7152*lin(rgb>>8) + .0722*lin(rgb)
}

// contrast is the ratio of WCAG 2.1, from 1 to 21.
func contrast(a, b uint32) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// legible is black or white, whichever stands out more from bg.
func legible(bg uint32) uint32 {
	if contrast(0x000000, bg) >= contrast(0xffffff, bg) {
		return 0x000000
	}
	return 0xffffff
}
