// Package background keeps the terminal from being asked for its background
// colour while the program starts. bubbletea v1 asks in its package
// initialisation and waits up to five seconds for terminals that never answer;
// packages are initialised in the order of their import paths, so this one comes
// first and settles the matter.
//
// Import it for its side effect wherever bubbletea is imported.
package background

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
