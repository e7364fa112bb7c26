// Package tui is agar's terminal program: one bubbletea model (App), a handful of
// plain screens behind a small internal interface, and the Source interfaces
// through which they ask for data.
//
// Conventions:
//
//   - Screens draw into a grid of cells (tui/cell) inside rectangles that a pure
//     function of the terminal's size computed, so nothing can run over an edge.
//   - Update does no input or output. Data comes through commands; every reply
//     carries the request it answers, and replies to older requests are dropped.
//   - Bindings are data: footer, help, KEYS.md and the conflict test are made of
//     the same table that dispatches the keys.
//   - Colour never carries a meaning alone. Without colour the heat of a token is a
//     subscript digit, the selected row is reversed and marked ▸.
//   - Angles are turn angles in degrees, 0° = straight.
package tui
