// Package values counts the values in a JSON document before it is decoded, so that a
// reader can refuse one that would take far more memory than its bytes tell of.
package values
