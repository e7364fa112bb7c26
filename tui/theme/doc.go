// Package theme gives meanings their colours. Screens ask for a slot (accent,
// warning, heat step 5), a Theme answers with the cell.Style that the terminal at
// hand can show.
//
// The ladder of profiles is TrueColor → 256 → 16 → none. No theme tells things
// apart by red against green, and no meaning rests on colour alone: without
// colours, Heat is text (see Theme.Color) and selections are reversed.
package theme
