// Package tokenizertest helps tests of other packages that tokenize.
package tokenizertest
