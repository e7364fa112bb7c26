// Package cell is the surface that agar's screens draw on: a grid of terminal
// cells with clipping rectangles, boxes and styles, rendered to one string of
// ANSI text.
//
// Coordinates are columns and rows from the upper left corner, 0-based. Writing
// outside a rectangle is clipped, never an error, so a frame can not exceed its
// size. A cluster of two cells that does not fit whole leaves a blank.
package cell
