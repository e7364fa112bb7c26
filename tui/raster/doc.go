// Package raster draws lines, clouds and bars with the finest characters a
// terminal has: braille (2×4 dots a cell), quarter blocks (2×2) or ASCII (1×2).
//
// Lines are drawn by column: whatever the number of points, each column of dots
// gets the span from its least to its largest value, so the cost of drawing
// depends on the width and short peaks stay visible.
package raster
